"""Names that a terminal, a shell, a browser or a database would obey: they are shown, and nothing obeys them."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from promptad_db import ingest, open_db

NAMES = {
    "clear screen": "\x1b[2J\x1b[H",
    "title": "\x1b]0;owned\x07",
    "one byte escape": "\x9b31m",
    "right to left": "\u202egnp.exe",
    "isolates": "\u2066a\u2069",
    "new line": "a\nrejected: b",
    "carriage return": "real\rfake",
    "backspace": "abc\b\b\bxyz",
    "zero width": "met\u200bal",
    "html": "<script>alert(1)</script>",
    "attribute": '" onmouseover="alert(1)',
    "sql": "'; DROP TABLE runs; --",
    "shell": "$(touch owned)`touch owned`;touch owned",
    "markdown": "[x](javascript:alert(1)) | **b** | <img src=x>",
    "latex": r"\input{/etc/passwd}\write18{touch owned}",
    "rich": "[link=file:///etc/passwd]x[/link]",
    "format": "%s%n{0.__class__}",
    "formula": "=cmd|' /C calc'!A0",
    "long": "x" * 150,
}  # fmt: skip
FORMATS = ("table", "md", "csv", "json", "latex", "html")
UNSEEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]")


@pytest.fixture
def place(make_run):
    """A database with a run for each name, in which everything has that name."""
    for seed, name in enumerate(NAMES.values()):
        make_run(
            {name: {"semantic": 0.5, "memory": 0.75, name: 0.9}}, dataset=name, experiment="e", method=name,
            variant=name, seed=seed, tags=(name,), note=name,
        )  # fmt: skip
    outcome = ingest("runs")
    assert not outcome.rejected
    assert len(outcome.added) == len(NAMES)


@pytest.mark.parametrize("output_format", FORMATS)
def test_no_command_hands_a_terminal_what_it_obeys(cli, place, output_format):
    for command in (
        ("report", "--section", "categories"), ("runs", "list"), ("sql", "SELECT * FROM runs, metrics"),
        ("runs", "show", open_db().query("SELECT run_id FROM runs").rows[0][0]),
    ):  # fmt: skip
        answer = cli(*command, "--format", output_format)
        assert answer.code == 0, answer.err
        assert not UNSEEN.search(answer.err)
        if output_format not in ("csv", "html"):  # data and a page, whose terminal is tested below
            assert not UNSEEN.search(answer.out)
        if output_format == "html":
            assert not re.search(r"<script>alert|<img src=x|<[^>]*\" onmouseover", answer.out)
    assert not Path("owned").exists()


def test_names_come_back_from_csv_and_json_as_they_are(cli, place):
    query = ("sql", "SELECT dataset, variant FROM runs ORDER BY seed")
    wanted = [{"dataset": name, "variant": name} for name in NAMES.values()]
    assert json.loads(cli(*query, "--format", "json").out) == wanted
    assert list(csv.DictReader(io.StringIO(cli(*query, "--format", "csv").out, newline=""))) == wanted


def test_a_name_is_a_value_in_every_filter(cli, place):
    for option in ("--dataset", "--method", "--variant", "--category"):
        assert cli("report", "--section", "summary", option, NAMES["sql"]).code == 0
    for name in NAMES.values():
        assert open_db().query("SELECT dataset FROM runs WHERE dataset = :name", name=name).rows == [(name,)]
    assert open_db().query("SELECT count(*) FROM runs").rows == [(len(NAMES),)]


def test_what_is_wrong_with_a_file_of_any_name_is_said_in_one_harmless_line(cli, tmp_path):
    place = tmp_path / "results"
    place.mkdir()
    names = [name.replace("/", "_") for name in NAMES.values()]
    for name in names:
        (place / f"{name}.json").write_text("{")
    answer = cli("ingest", place)
    assert answer.code == 4
    assert not UNSEEN.search(answer.err)
    assert len(answer.err.splitlines()) == len(names) + 1


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_an_argument_comes_back_in_an_error_without_what_a_terminal_obeys(cli, name):
    for command in (("ingest", name), ("runs", "show", "x", "--db", name), ("report", "--format", name), (name,)):
        answer = cli(*command)
        assert answer.code
        assert not UNSEEN.search(answer.err)


@pytest.mark.slow
def test_csv_on_a_terminal_shows_its_control_characters(make_run, tmp_path):
    make_run({"carpet": {"semantic": 0.5, "memory": 0.6}}, dataset=NAMES["clear screen"])
    ingest("runs")
    main, terminal = pty.openpty()
    command = [sys.executable, "-m", "promptad_db", "sql", "SELECT dataset FROM runs", "--format", "csv"]
    subprocess.run(command, stdout=terminal, stderr=subprocess.DEVNULL, check=True, timeout=60)
    os.close(terminal)
    shown = os.read(main, 4096).decode()
    os.close(main)
    assert shown == "dataset\r\n\\x1b[2J\\x1b[H\r\n"


def test_progress_and_log_lines_show_no_control_characters(capsys):
    from promptad_db.cli.progress import progress_bar

    with progress_bar() as progress:
        progress("\x1b[2J[bold]", 1000, 2000)
    assert capsys.readouterr().err == "\\x1b[2J[bold]: 1000 of 2000\n"
