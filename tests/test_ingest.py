"""Ingest as a user sees it: what is found, what is taken, what is rejected, and what never happens."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from promptad_db import ingest, open_db, run_folder
from promptad_db.errors import InputError


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_the_second_ingest_finds_nothing_new_and_changes_no_row(cli, shared_gate, tmp_path):
    assert cli("ingest", shared_gate).code == 0
    everything = "SELECT * FROM metrics ORDER BY ALL"
    rows, files = open_db().query(everything).rows, snapshot(tmp_path / "runs")
    answer = cli("ingest", shared_gate)
    assert answer.code == 0
    assert "nothing new" in answer.err
    assert open_db().query(everything).rows == rows
    assert snapshot(tmp_path / "runs") == files
    assert len(rows) == 810 + 162 + 120


def test_a_deleted_database_is_filled_from_the_run_folders_that_exist(cli, shared_gate, tmp_path):
    cli("ingest", shared_gate)
    runs = run_folder.find_runs(tmp_path / "runs")
    Path("promptad.duckdb").unlink()
    assert cli("ingest", shared_gate).code == 0
    assert run_folder.find_runs(tmp_path / "runs") == runs
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(12,)]


@pytest.fixture
def gate_copy(shared_gate, tmp_path):
    """A copy of the gate data that may be broken."""
    copy = tmp_path / "gate"
    shutil.copytree(shared_gate, copy)
    for path in [copy, *copy.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    return copy


def test_what_is_broken_is_named_and_everything_else_is_taken(cli, gate_copy):
    metadata = gate_copy / "mvtec" / "k_1" / "metadata" / "cls"
    truncated = gate_copy / "mvtec" / "k_4" / "gate_results" / "wood_seed111_cls.json"
    truncated.write_text(truncated.read_text()[:100])
    nan = metadata / "carpet_seed111_max.json"
    content = json.loads(nan.read_text())
    content["memory_scores"][3] = float("nan")
    nan.write_text(json.dumps(content))
    one_class = metadata / "grid_seed111_max.json"
    content = json.loads(one_class.read_text())
    content["labels"] = [1] * len(content["labels"])
    one_class.write_text(json.dumps(content))
    ragged = gate_copy / "mvtec" / "k_1" / "metadata" / "seg" / "tile_seed111_max.json"
    ragged.parent.mkdir()
    ragged.write_text(
        json.dumps({"semantic_scores": [[[0.1, 0.2], [0.3]]], "memory_scores": [[[0.1, 0.2], [0.3, 0.4]]]})
    )
    answer = cli("ingest", gate_copy)
    assert answer.code == 4
    for path in (truncated, nan, one_class, ragged):
        assert f"rejected: {path}" in answer.err
    for reason in ("not valid JSON", "NaN", "one class only", "wrong size"):
        assert reason in answer.err
    counts = dict(open_db().query("SELECT provenance, COUNT(*) FROM metrics GROUP BY 1").rows)
    assert counts == {"reported": 810, "approx": 162, "exact": 8 * 12}
    assert open_db().query("SELECT COUNT(*) FROM branch_gap").rows == [(162,)]


def test_numbers_that_disagree_name_both_files(cli, gate_copy):
    changed = gate_copy / "mvtec" / "k_1" / "gate_results" / "tile_seed111_seg.json"
    content = json.loads(changed.read_text())
    content["semantic"]["p_roc"] += 0.5
    changed.write_text(json.dumps(content))
    answer = cli("ingest", gate_copy)
    assert answer.code == 4
    assert str(changed) in answer.err
    assert "full_results.csv" in answer.err
    query = "SELECT COUNT(*) FROM branch_gap WHERE category = 'tile' AND task = 'seg' AND k_shot = 1"
    assert open_db().query(query).rows == [(0,)]
    assert open_db().query("SELECT COUNT(*) FROM branch_gap").rows == [(161,)]


def test_a_mended_file_completes_its_run(cli, gate_copy):
    path = gate_copy / "mvtec" / "k_1" / "metadata" / "cls" / "carpet_seed111_max.json"
    whole = path.read_text()
    path.write_text(whole[:-50])
    assert cli("ingest", gate_copy).code == 4
    path.write_text(whole)
    refused = cli("ingest", gate_copy)
    assert refused.code == 4
    assert "--replace" in refused.err
    assert cli("ingest", gate_copy, "--replace").code == 0
    query = "SELECT COUNT(*) FROM metrics WHERE provenance = 'exact'"
    assert open_db().query(query).rows == [(120,)]


def test_the_experiment_is_named_by_the_folder_or_the_option(cli, gate_copy):
    cli("ingest", gate_copy / "mvtec" / "k_1")
    cli("ingest", gate_copy / "visa", "--experiment", "mine")
    rows = open_db().query("SELECT DISTINCT experiment FROM runs ORDER BY 1").rows
    assert rows == [("gate",), ("mine",)]


def test_a_whole_tree_of_formats_is_told_apart(cli, shared_gate):
    answer = cli("ingest", shared_gate.parent)
    assert answer.code == 0, answer.err
    rows = open_db().query("SELECT experiment, source_kind, COUNT(*) FROM runs GROUP BY 1, 2 ORDER BY 1").rows
    assert rows == [("gate", "gate", 12), ("official_csv", "promptad-csv", 4)]


def test_other_files_are_passed_over_but_a_named_one_is_rejected(cli, make_run, tmp_path):
    make_run({"tile": {"semantic": 0.5}})
    (tmp_path / "runs" / "package.json").write_text('{"name": "something else"}')
    (tmp_path / "runs" / "notes.txt").write_text("hello")
    answer = cli("ingest", "runs")
    assert answer.code == 0
    assert "1 files of other kinds passed over: runs/package.json" in answer.err
    assert cli("ingest", tmp_path / "runs" / "package.json").code == 4
    assert cli("ingest", tmp_path / "runs" / "notes.txt").code == 4


def test_nothing_to_ingest_says_what_was_looked_for(cli, tmp_path):
    (tmp_path / "empty").mkdir()
    answer = cli("ingest", tmp_path / "empty")
    assert answer.code == 4
    assert "run.json" in answer.err
    assert not Path("promptad.duckdb").exists()
    assert cli("ingest", tmp_path / "nobody").code == 4


def test_a_branch_that_is_no_folder_is_wrong_usage(cli):
    answer = cli("ingest", "--branch", "memory=nowhere")
    assert answer.code == 2
    assert "NAME=DIR" in answer.err


def test_an_ingest_from_python_gives_its_outcome(make_run):
    folder = make_run({"tile": {"semantic": 0.5}})
    outcome = ingest(folder)
    assert outcome.added == [folder.name]
    assert ingest(folder).unchanged == [folder.name]
    with pytest.raises(InputError, match="does not exist"):
        ingest("nowhere")


def test_links_out_of_a_run_folder_are_not_followed(cli, log_run, tmp_path):
    folder = log_run("carpet", db=False)
    outside = tmp_path / "outside"
    shutil.move(folder / "carpet", outside)
    (folder / "carpet").symlink_to(outside)
    answer = cli("ingest", folder)
    assert answer.code == 4
    assert "a link; a run folder" in answer.err


def test_ingesting_the_folder_that_holds_runs_twice_finds_nothing_new(cli, shared_gate, tmp_path):
    shutil.copy(shared_gate / "full_results.csv", tmp_path / "full_results.csv")
    for text in ("12 new runs", "nothing new"):
        answer = cli("ingest", ".", "--seed", "111")
        assert answer.code == 0, answer.err
        assert text in answer.err


def test_a_path_that_is_not_utf8_is_rejected_in_words(cli, shared_gate, tmp_path):
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    shutil.copy(shared_gate / "full_results.csv", folder / "full_results.csv")
    answer = cli("ingest", tmp_path)
    assert answer.code == 4
    assert "not UTF-8" in answer.err
    assert "caf\\udce9" in answer.err


def test_a_csv_that_is_no_text_is_rejected(cli, tmp_path):
    (tmp_path / "noise.csv").write_bytes(bytes(range(256)))
    assert "not UTF-8 text" in cli("ingest", tmp_path).err
