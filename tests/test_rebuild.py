"""The database made again from the run folders."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from promptad_db import open_db


def test_a_deleted_or_broken_database_is_made_again(cli, log_run):
    log_run("carpet")
    before = cli("report", "--format", "json").out
    for damage in (lambda path: path.unlink(), lambda path: path.write_bytes(b"broken" * 9999)):
        damage(Path("promptad.duckdb"))
        assert cli("report").code == 3
        assert cli("rebuild").code == 0
        assert cli("report", "--format", "json").out == before


def test_run_folders_elsewhere_that_the_database_knows_are_kept(cli, log_run, tmp_path):
    log_run("carpet")
    log_run("tile", runs=tmp_path / "elsewhere", seed=1)
    assert cli("rebuild").code == 0
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(2,)]


def test_missing_run_folders_are_not_forgotten_silently(cli, log_run):
    log_run("carpet")
    gone = log_run("tile", seed=1)
    shutil.rmtree(gone)
    answer = cli("rebuild")
    assert answer.code == 2
    assert gone.name in answer.err
    assert "--forget-missing" in answer.err
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(2,)]
    assert cli("rebuild", "--forget-missing").code == 0
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(1,)]


def test_nothing_to_rebuild_from_is_said_and_the_old_database_stays(cli):
    cli("init")
    answer = cli("rebuild")
    assert answer.code == 4
    assert "no run folders" in answer.err
    assert Path("promptad.duckdb").exists()


def test_a_run_folder_that_cannot_be_trusted_is_named(cli, log_run):
    log_run("carpet")
    broken = log_run("tile", seed=1)
    (broken / "run.json").write_text('{"format": 99}')
    before = Path("promptad.duckdb").read_bytes()
    answer = cli("rebuild")
    assert answer.code == 4
    assert "pip install -U promptad-db" in answer.err
    assert "--forget-damaged" in answer.err
    assert Path("promptad.duckdb").read_bytes() == before
    answer = cli("rebuild", "--forget-damaged")
    assert answer.code == 4
    assert "pip install -U promptad-db" in answer.err
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(1,)]


def test_rebuild_leaves_nothing_behind(cli, log_run):
    log_run("carpet")
    cli("rebuild")
    left = {"promptad.duckdb", *(f"promptad.duckdb.{side}" for side in ("lock", "turn", "waiting")), "runs"}
    assert {path.name for path in Path().iterdir()} == left
    assert [path.name for path in Path("promptad.duckdb.waiting").iterdir()] == ["lock"]


def test_a_run_logged_while_rebuild_reads_is_not_lost(log_run):
    from promptad_db.db.index.rebuild import rebuild

    log_run("carpet")
    late = []

    def log_another(_done, _total):
        if not late:
            late.append(log_run("tile", seed=1))

    rebuild(Path("promptad.duckdb"), [Path("runs")], progress=log_another)
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(2,)]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("UPDATE promptad_revision SET version_num = '9999'", "newer"),
        ("DROP TABLE promptad_revision", "not a promptad-db database"),
    ],
)
def test_a_database_of_another_version_or_program_is_not_replaced(cli, log_run, tmp_path, change, said):
    log_run("carpet", runs=tmp_path / "elsewhere")
    log_run("tile", seed=1)
    with duckdb.connect("promptad.duckdb") as connection:
        connection.execute(change)
    before = Path("promptad.duckdb").read_bytes()
    answer = cli("rebuild")
    assert answer.code == 3
    assert said in answer.err
    assert Path("promptad.duckdb").read_bytes() == before


def test_a_database_that_another_program_has_open_is_not_replaced(cli, log_run, tmp_path):
    log_run("carpet", runs=tmp_path / "elsewhere")
    log_run("tile", seed=1)
    program = "import duckdb, sys; c = duckdb.connect('promptad.duckdb'); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        other.stdout.readline()
        answer = cli("rebuild")
        other.stdin.close()
    assert answer.code == 3
    assert "another program" in answer.err
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(2,)]


def test_a_damaged_database_is_kept_under_another_name(cli, log_run):
    log_run("carpet")
    Path("promptad.duckdb").write_text("my notes")
    answer = cli("rebuild")
    assert answer.code == 0
    assert "promptad.duckdb.damaged" in answer.err
    assert Path("promptad.duckdb.damaged").read_text() == "my notes"
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(1,)]
