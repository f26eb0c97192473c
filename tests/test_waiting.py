"""Tickets of run folders that wait to be indexed: a bad one costs nobody else anything."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from promptad_db import open_db
from promptad_db.db import index_folders
from promptad_db.db.index import waiting, write

QUEUE = Path("promptad.duckdb.waiting")


def number_of_runs():
    return open_db().query("SELECT COUNT(*) FROM runs").rows[0][0]


def a_pipe(path):
    os.mkfifo(path)


def a_link(path):
    Path("elsewhere.json").write_text('{"folders": ["/etc"]}')
    path.symlink_to(Path("elsewhere.json").absolute())


def a_dangling_link(path):
    path.symlink_to("nowhere")


def a_folder(path):
    path.mkdir()
    (path / "inside").touch()


BAD = {
    "NUL": '{"folders": ["/a/\\u0000x"]}',
    "half a character": '{"folders": ["\\ud800"]}',
    "no bucket": '{"folders": ["s3://"]}',
    "no driver": '{"folders": ["abfs://container/runs"]}',
    "unknown scheme": '{"folders": ["gopher://x/runs"]}',
    "a number": '{"folders": [7]}',
    "a relative path": '{"folders": ["runs/x"]}',
    "an empty path": '{"folders": [""]}',
    "a long path": json.dumps({"folders": ["/" + "x" * 5000]}),
    "a huge list": json.dumps({"folders": ["/nowhere"] * 100_000}),
    "an object": '{"folders": {"a": "/b"}}',
    "no folders": "{}",
    "a list": "[]",
    "nested": "[" * 100_000,
    "nothing": "",
    "no UTF-8": b"\xff\xfe",
    "a pipe": a_pipe,
    "a link": a_link,
    "a dangling link": a_dangling_link,
    "a folder": a_folder,
}


def put(path, content):
    if callable(content):
        content(path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_a_bad_ticket_is_set_aside_and_named_once(content, make_run, caplog):
    index_folders([make_run({"tile": {"semantic": 0.5}})])
    put(QUEUE / "0-bad.ticket.json", content)
    others = QUEUE / "1-good.ticket.json"
    others.write_text(json.dumps({"folders": [str(make_run({"tile": {"semantic": 0.5}}, seed=2).absolute())]}))
    for seed in (3, 4):
        index_folders([make_run({"tile": {"semantic": 0.5}}, seed=seed)])
    assert number_of_runs() == 4
    assert len([record for record in caplog.records if "0-bad.ticket.json" in record.getMessage()]) == 1
    assert {path.name for path in QUEUE.iterdir()} == {"lock", "0-bad.ticket.bad.json", "1-good.answer.json"}


@pytest.mark.parametrize("content", ['{"added": 3}', "{}", "[]", a_folder, a_pipe, '{"rejected": [["s3://", "x"]]}'])
def test_a_bad_answer_is_set_aside_and_the_folders_are_indexed(content, make_run, monkeypatch, caplog):
    index_folders([make_run({"tile": {"semantic": 0.5}})])
    hand_in = waiting.Ticket.hand_in

    def with_bad_answer(queue, folders):
        ticket = hand_in(queue, folders)
        put(ticket.answer_path, content)
        return ticket

    monkeypatch.setattr(waiting.Ticket, "hand_in", with_bad_answer)
    folder = make_run({"tile": {"semantic": 0.5}}, seed=2)
    assert index_folders([folder]).added == [folder.name]
    assert "answer.json" in caplog.text


def test_a_folder_that_breaks_the_indexing_is_set_aside_alone(make_run, monkeypatch, caplog):
    index_folders([make_run({"tile": {"semantic": 0.5}})])
    breaking, good, own = (make_run({"tile": {"semantic": 0.5}}, seed=seed) for seed in (2, 3, 4))
    for name, folder in (("0", breaking), ("1", good)):
        (QUEUE / f"{name}.ticket.json").write_text(json.dumps({"folders": [str(folder.absolute())]}))
    read = write._read_run

    def breaks(folder, *rest):
        if folder.name == breaking.name:
            raise RecursionError("too deep")
        return read(folder, *rest)

    monkeypatch.setattr(write, "_read_run", breaks)
    index_folders([own])
    assert number_of_runs() == 3
    assert "too deep" in caplog.text
    assert {path.name for path in QUEUE.iterdir()} == {"lock", "0.ticket.bad.json", "1.answer.json"}


def test_an_own_folder_that_breaks_the_indexing_is_told_to_its_owner(make_run, monkeypatch):
    index_folders([make_run({"tile": {"semantic": 0.5}})])

    def breaks(*_arguments):
        raise RecursionError("too deep")

    monkeypatch.setattr(write, "_read_run", breaks)
    with pytest.raises(RecursionError):
        index_folders([make_run({"tile": {"semantic": 0.5}}, seed=2)])
    assert [path.name for path in QUEUE.iterdir()] == ["lock"]
