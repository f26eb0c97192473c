"""Looking after runs: list, show, tag, note, delete."""

from __future__ import annotations

import json
import shutil

from promptad_db import run_folder


def test_runs_are_listed_the_newest_first(cli, make_run):
    make_run({"tile": {"semantic": 0.5}}, experiment="old", created_at="2024-01-01T00:00:00+00:00")
    make_run({"tile": {"semantic": 0.5}}, experiment="new", created_at="2025-01-01T00:00:00+00:00")
    cli("ingest", "runs")
    rows = json.loads(cli("runs", "list", "--format", "json").out)
    assert [row["experiment"] for row in rows] == ["new", "old"]
    assert rows[0]["categories"] == 1
    assert len(json.loads(cli("runs", "list", "--experiment", "old", "--format", "json").out)) == 1


def test_a_run_is_shown_by_a_part_of_its_id(cli, log_run):
    folder = log_run("carpet")
    answer = cli("runs", "show", folder.name[-8:], "--format", "json")
    told = json.loads(answer.out)
    fields = {row["field"]: row["value"] for row in told["run"]}
    assert fields["folder"] == str(folder.resolve())
    assert fields["environment"]["python"]
    assert {row["provenance"] for row in told["numbers"]} == {"exact"}


def test_what_a_run_learned_is_shown_by_category(cli, log_run):
    said = {"epoch": 3, "descriptions": ["brown woven carpet"]}
    folder = log_run("carpet", config={"learned": {"carpet": said}, "batch_size": 4})
    told = json.loads(cli("runs", "show", folder.name, "--format", "json").out)
    assert told["learned"] == [{"category": "carpet", "field": name, "value": value} for name, value in said.items()]
    assert {row["field"]: row["value"] for row in told["run"]}["config"] == {"batch_size": 4}
    assert "brown woven carpet" in cli("runs", "show", folder.name).out
    shutil.rmtree(folder)
    assert list(json.loads(cli("runs", "show", folder.name, "--format", "json").out)) == ["run", "numbers"]


def test_each_file_that_a_run_came_from_has_a_line_of_its_own(cli, gate_place):
    run = json.loads(cli("runs", "list", "--db", gate_place / "promptad.duckdb", "--format", "json").out)[0]["run_id"]
    shown = cli("runs", "show", run, "--db", gate_place / "promptad.duckdb")
    assert sum(line.startswith("source_file ") for line in shown.out.splitlines()) > 10
    assert max(map(len, shown.out.splitlines())) < 300


def test_an_ambiguous_or_unknown_run_is_refused(cli, make_run):
    for seed in (1, 2):
        make_run({"tile": {"semantic": 0.5}}, seed=seed)
    cli("ingest", "runs")
    assert cli("runs", "show", "2").code == 2
    assert cli("runs", "show", "nobody").code == 5


def test_tags_and_notes_survive_a_rebuild(cli, log_run):
    run = log_run("carpet").name
    assert cli("runs", "tag", run, "good", "paper").out.split() == ["good", "paper"]
    assert cli("runs", "tag", run, "--remove", "good").out.split() == ["paper"]
    assert cli("runs", "note", run, "the one of table 2").code == 0
    for _ in range(2):
        rows = json.loads(
            cli("sql", "SELECT note, (SELECT tag FROM run_tags) AS tag FROM runs", "--format", "json").out
        )
        assert rows == [{"note": "the one of table 2", "tag": "paper"}]
        assert cli("rebuild").code == 0
    assert len(json.loads(cli("runs", "list", "--tag", "paper", "--format", "json").out)) == 1
    assert json.loads(cli("runs", "list", "--tag", "good", "--format", "json").out) == []


def test_a_deleted_run_goes_to_the_trash_and_stays_gone(cli, log_run, tmp_path):
    kept, gone = log_run("carpet"), log_run("carpet", seed=1)
    answer = cli("runs", "delete", gone.name, "--yes")
    assert answer.code == 0
    assert (tmp_path / "runs" / ".trash" / gone.name / "run.json").is_file()
    assert cli("rebuild").code == 0
    rows = json.loads(cli("sql", "SELECT run_id FROM runs", "--format", "json").out)
    assert rows == [{"run_id": kept.name}]
    leftovers = cli("sql", f"SELECT 1 FROM metrics WHERE run_id = '{gone.name}'", "--format", "json").out
    assert json.loads(leftovers) == []


def test_delete_asks_first(cli, log_run, monkeypatch):
    import io

    run = log_run("carpet")
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert cli("runs", "delete", run.name).code == 130
    assert run_folder.is_run_folder(run)


def test_a_run_whose_folder_is_gone_can_be_shown_and_deleted_but_not_tagged(cli, log_run):
    run = log_run("carpet")
    shutil.rmtree(run)
    assert cli("runs", "show", run.name).code == 0
    assert cli("runs", "tag", run.name, "x").code == 4
    assert cli("runs", "delete", run.name, "--yes").code == 0
    assert json.loads(cli("runs", "list", "--format", "json").out) == []
