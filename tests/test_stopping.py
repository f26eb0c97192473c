"""Ctrl-C ends every command with exit code 130, wherever it is; --debug keeps exit codes; leftovers of the dead are cleared."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from promptad_db import open_db
from promptad_db.db import index_folders
from promptad_db.db.engine import migrate
from promptad_db.storage.staging import clear_leftovers, staged

# A shell that runs in the background lets its children ignore Ctrl-C.
HEARS = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
COMMAND = HEARS + "from promptad_db.cli.main import main; main()"
LONG = {
    "a product": "SELECT SUM(a.range * b.range) FROM range(1000000) a, range(1000000) b",
    "a nested loop": "SELECT COUNT(*) FROM range(100000) a, range(100000) b WHERE a.range * b.range % 7 = 3",
    "a recursion": "WITH RECURSIVE t(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM t WHERE i < 1000000000) SELECT MAX(i) FROM t",
}


def begun(*arguments, code=COMMAND, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip


def stopped(process, seconds):
    """The exit code, the data and the words of a process that Ctrl-C ends after some seconds."""
    with process:
        try:
            time.sleep(seconds)
            assert process.poll() is None, process.stderr.read()
            process.send_signal(signal.SIGINT)
            said = process.communicate(timeout=15)
        finally:
            process.kill()
    return process.returncode, *said


@pytest.mark.parametrize("query", LONG.values(), ids=LONG)
def test_ctrl_c_ends_a_query(query):
    migrate.init("promptad.duckdb")
    code, _, said = stopped(begun("sql", query), 2.5)
    assert (code, said.strip()) == (130, "aborted")
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(0,)]


def test_ctrl_c_in_a_query_of_the_library_is_a_keyboard_interrupt():
    migrate.init("promptad.duckdb")
    code = f"{HEARS}from promptad_db import open_db\ntry: open_db().query({LONG['a product']!r})\n"
    code += "except KeyboardInterrupt: print('heard', flush=True)"
    _, out, err = stopped(begun(code=code), 2.5)
    assert out == "heard\n", err


@pytest.mark.parametrize("command", [("report",), ("init",), ("ingest", "runs"), ("rebuild", "runs")])
def test_ctrl_c_ends_the_wait_for_the_lock(make_run, command):
    index_folders([make_run({"tile": {"semantic": 0.5}})])
    with Path("promptad.duckdb.lock").open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        code, _, said = stopped(begun(*command), 2)
    assert (code, said.strip().splitlines()[-1]) == (130, "aborted")
    assert not list(Path().glob(".*tmp-*"))


def test_ctrl_c_behind_another_error_is_ctrl_c(cli, monkeypatch):
    from promptad_db.db.queries import reports

    def interrupted(*_arguments, **_options):
        raise RuntimeError("Query interrupted") from KeyboardInterrupt()

    monkeypatch.setattr(reports, "report", interrupted)
    answer = cli("report")
    assert (answer.code, answer.err.strip()) == (130, "aborted")


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (("report", "--db", "no.duckdb"), 3),
        (("nothing",), 2),
        (("ingest", "nothing"), 4),
        (("report", "--k-shot", "x"), 2),
    ],
)
def test_debug_keeps_the_exit_code(cli, command, code):
    assert cli(*command).code == code
    answer = cli("--debug", *command)
    assert answer.code == code
    assert "Traceback" in answer.err


def test_what_a_killed_rebuild_left_is_cleared_by_the_next(cli, log_run):
    log_run("carpet")
    code = """
import os, signal, sys
from promptad_db.db.index import rebuild
rebuild.write_out = lambda _path: os.kill(os.getpid(), signal.SIGKILL)
from promptad_db.cli.main import main; main()"""
    with begun("rebuild", code=code) as killed:
        assert killed.wait(60) == -signal.SIGKILL
    assert len(list(Path().glob(".promptad.duckdb.tmp-*"))) == 1
    Path(".promptad.duckdb.tmp-0123456789ab").touch()  # as earlier versions left them
    Path(".promptad.duckdb.tmp-0123456789ab.wal").touch()
    assert cli("rebuild").code == 0
    assert not list(Path().glob(".promptad.duckdb.tmp-*"))


def test_what_a_killed_init_left_is_cleared_by_the_next(cli):
    code = """
import os, signal, sys
from promptad_db.db.engine import duckdb_file
duckdb_file.write_out = lambda _path: os.kill(os.getpid(), signal.SIGKILL)
from promptad_db.cli.main import main; main()"""
    with begun("init", code=code) as killed:
        assert killed.wait(60) == -signal.SIGKILL
    assert list(Path().glob(".promptad.duckdb.tmp-*"))
    assert cli("init").code == 0
    assert not list(Path().glob(".promptad.duckdb.tmp-*"))


def test_what_a_killed_migration_left_is_cleared_by_the_next(cli):
    import gzip

    stored = min((Path(__file__).parent / "stored").glob("schema_*.duckdb.gz"))
    Path("promptad.duckdb").write_bytes(gzip.decompress(stored.read_bytes()))
    Path(".promptad.duckdb.before-0001.tmp").write_bytes(b"half a copy")
    assert cli("migrate", "--no-backup").code == 0
    assert not list(Path().glob(".promptad.duckdb.before*"))


def test_what_a_living_process_makes_stays(cli, log_run):
    log_run("carpet")
    with staged(Path("promptad.duckdb")) as being_made:
        being_made.touch()
        assert cli("rebuild").code == 0
        clear_leftovers(Path("promptad.duckdb"))
        assert being_made.exists()
    assert not list(Path().glob(".promptad.duckdb.tmp-*"))


def test_files_of_other_names_stay():
    names = (".promptad.duckdb.tmp-notes", ".promptad.duckdb2.tmp-0123456789ab", "promptad.duckdb.tmp-0123456789ab")
    for name in names:
        Path(name).touch()
    clear_leftovers(Path("promptad.duckdb"))
    assert all(Path(name).exists() for name in names)
