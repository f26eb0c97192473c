"""Files that commands write: looked at before the work, named as the user named them when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from promptad_db import open_db

LIMITED = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))
from promptad_db.cli.main import main; main()
"""
WRITING = {
    "report": ("report", "-o"),
    "html": ("report", "--format", "html", "-o"),
    "sql": ("sql", "SELECT * FROM runs", "-o"),
    "compare": ("compare", "semantic", "memory", "-o"),
    "audit": ("audit", "-o"),
    "check": ("check", "-o"),
    "plot": ("plot", "gap-heatmap", "-o"),
    "runs": ("runs", "list", "-o"),
}


def limited(size, *arguments):
    """A command where no file may grow beyond some bytes: as on a full disk, writing fails."""
    command = [sys.executable, "-c", LIMITED.format(size), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", WRITING.values(), ids=WRITING)
def test_a_missing_folder_is_told_before_the_work(cli, command):
    answer = cli(*command, "nowhere/out.svg", "--db", "no database is asked")
    assert answer.code == 2
    assert "nowhere/out.svg" in answer.err
    assert "no folder" in answer.err
    assert "no database" not in answer.err


@pytest.mark.parametrize("command", WRITING.values(), ids=WRITING)
def test_a_folder_is_no_file(cli, command):
    Path("out.svg").mkdir()
    answer = cli(*command, "out.svg", "--db", "no database is asked")
    assert answer.code == 2
    assert "out.svg" in answer.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_told_before_the_work(cli):
    Path("closed").mkdir(mode=0o500)
    answer = cli("report", "-o", "closed/out.svg", "--db", "no database is asked")
    assert answer.code == 2
    assert "not writable" in answer.err


def test_a_full_disk_names_the_file_that_was_given(cli, make_run):
    cli("ingest", make_run({"tile": {"semantic": 0.5, "memory": 0.6}}))
    Path("out.csv").write_text("before")
    for command in (("sql", "SELECT repeat('x', 100000) AS x", "--format", "csv"), ("report", "--format", "html")):
        code, said = limited(50_000, *command, "-o", "out.csv")
        assert code == 4, said
        assert "out.csv: cannot be written (File too large)" in said
        assert "tmp" not in said
        assert Path("out.csv").read_text() == "before"
    assert not list(Path().glob(".out*"))


def test_a_full_disk_names_the_exported_file(cli, make_run):
    cli("ingest", make_run({"tile": {"semantic": 0.5, "memory": 0.6}}))
    code, said = limited(200, "export", "out", "--as", "csv")
    assert code == 4, said
    assert "error: out/" in said
    assert "cannot be written" in said
    assert "tmp" not in said
    assert not [path for path in Path("out").iterdir() if path.name.startswith(".")]


def test_an_export_into_a_file_is_told(cli):
    Path("out").touch()
    cli("init")
    assert cli("export", "out").code == 2
    assert "out" in cli("export", "out/below").err


def test_a_copy_onto_a_full_disk_names_its_target(cli, make_run):
    cli("ingest", make_run({"tile": {"semantic": 0.5}}))
    code, said = limited(100_000, "copy", "promptad.duckdb", "target.duckdb")
    assert code == 3, said
    assert "target.duckdb: " in said
    assert "make room" in said
    assert "rebuild" not in said
    assert "tmp" not in said
    assert not list(Path().glob("*target*.tmp*")) + list(Path().glob(".target*"))
    assert cli("copy", "promptad.duckdb", "target.duckdb").code == 0


@pytest.mark.parametrize("command", [("init",), ("rebuild", "runs")])
def test_a_database_that_a_full_disk_does_not_take_is_named(make_run, command):
    make_run({"tile": {"semantic": 0.5}})
    code, said = limited(100_000, *command, "--db", "new.duckdb")
    assert code == 3, said
    assert "new.duckdb: " in said
    assert "tmp" not in said
    assert not Path("new.duckdb").exists()


def test_a_file_behind_a_link_is_written_and_the_link_stays(cli):
    cli("init")
    Path("there").mkdir()
    Path("there/real.csv").write_text("before")
    Path("link.csv").symlink_to("there/real.csv")
    assert cli("sql", "SELECT 1 AS x", "--format", "csv", "-o", "link.csv").code == 0
    assert Path("link.csv").is_symlink()
    assert Path("there/real.csv").read_text() == "x\n1\n"


def test_a_pipe_is_written_to_and_stays(cli):
    cli("init")
    os.mkfifo("pipe")
    with subprocess.Popen(["cat", "pipe"], stdout=subprocess.PIPE, text=True) as reader:
        assert cli("sql", "SELECT 1 AS x", "--format", "csv", "-o", "pipe").code == 0
        assert reader.stdout.read() == "x\n1\n"
    assert Path("pipe").is_fifo()


def test_what_a_killed_command_left_of_its_output_is_cleared(cli):
    cli("init")
    Path(".out.csv.tmp-0123456789ab").write_text("half")
    assert cli("sql", "SELECT 1 AS x", "-o", "out.csv").code == 0
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(0,)]
    assert not list(Path().glob(".out*"))


def test_the_permissions_of_a_file_that_is_written_over_stay(cli):
    cli("init")
    Path("out.csv").touch(mode=0o640)
    Path("out.csv").chmod(0o640)
    assert cli("sql", "SELECT 1 AS x", "-o", "out.csv").code == 0
    assert Path("out.csv").stat().st_mode & 0o777 == 0o640
