"""The commands of Alembic, as whoever changes the schema calls them in a checkout."""

from __future__ import annotations

import ast
import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from promptad_db.db.engine import schema

ROOT = Path(__file__).resolve().parents[1]
STORED = Path(__file__).parent / "stored"


def alembic(*words, folder=ROOT, **environment):
    """What a command of Alembic ended with: its exit code and its data, among which it prints errors, and its messages."""
    command = [sys.executable, "-m", "alembic", *map(str, words)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **{name: str(text) for name, text in environment.items()}}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def old(tmp_path):
    """A database file of the first schema."""
    path = tmp_path / "100% old's.duckdb"
    path.write_bytes(gzip.decompress((STORED / "schema_0001.duckdb.gz").read_bytes()))
    return path


@pytest.fixture
def checkout(tmp_path):
    """A copy of what Alembic needs of a checkout."""
    shutil.copytree(schema.migrations_folder(), tmp_path / "copy" / "migrations")
    return Path(shutil.copy(ROOT / "alembic.ini", tmp_path / "copy")).parent


def test_history_needs_no_database_unless_it_is_asked_where_one_stands(old):
    code, history, _ = alembic("history", PROMPTAD_DB="/nowhere/x.duckdb")
    assert (code, len(history.splitlines())) == (0, len(list(schema.revisions())))
    assert f"{schema.HEAD} (head)" in history
    assert "0001 (current)" in alembic("history", "--indicate-current", PROMPTAD_DB=old)[1]


def test_a_file_is_brought_to_head_with_its_views(old, cli):
    assert alembic("current", PROMPTAD_DB=old)[:2] == (0, "0001\n")
    code, _, steps = alembic("-x", f"db={old}", "upgrade", "head")
    assert (code, "Running upgrade 0001 -> 0002" in steps) == (0, True)
    assert alembic("-x", f"db={old}", "current")[1] == f"{schema.HEAD} (head)\n"
    assert "nothing to do" in cli("migrate", "--db", old).err
    assert cli("report", "--db", old).code == 0


def test_a_step_on_the_way_leaves_the_views_out_until_head(old, cli):
    assert alembic("upgrade", "0001", PROMPTAD_DB=old)[0] == 0
    with duckdb.connect(old, read_only=True) as connection:
        assert connection.execute("SELECT COUNT(*) FROM duckdb_views() WHERE NOT internal").fetchall() == [(0,)]
    assert cli("migrate", "--db", old).code == 0
    assert cli("report", "--db", old).code == 0


@pytest.mark.slow
def test_the_lock_of_another_process_is_respected(old):
    code = f"from promptad_db.db.engine import connect\nwith connect.migrating({str(old)!r}): print(); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        holder.stdout.readline()
        answers = [
            alembic(*words, PROMPTAD_DB=old, PROMPTAD_LOCK_TIMEOUT=0.2) for words in (["current"], ["upgrade", "head"])
        ]
        holder.communicate(b"\n")
    for code, errors, traceback in answers:
        assert (code != 0, "locked by another process" in errors, traceback) == (True, True, "")


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", [("downgrade", "-1"), ("upgrade", "head", "--sql"), ("check",), ("revision", "--autogenerate", "-m", "x")]
)
def test_what_would_do_harm_is_refused(old, words):
    before = old.read_bytes()
    code, errors, traceback = alembic(*words, PROMPTAD_DB=old)
    assert (code != 0, "CONTRIBUTING.md" in errors, traceback) == (True, True, "")
    assert old.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize("words", [("current",), ("upgrade", "head"), ("stamp", "head")])
def test_a_database_that_is_not_there_is_not_made(tmp_path, words):
    code, errors, traceback = alembic(*words, PROMPTAD_DB=tmp_path / "none.duckdb")
    assert (code != 0, "no database here" in errors, "Traceback" in traceback) == (True, True, False)
    assert not (tmp_path / "none.duckdb").exists()


def test_a_new_revision_gets_the_next_number_and_our_form(checkout):
    number = f"{int(schema.HEAD) + 1:04}"
    code, _, errors = alembic("revision", "-m", "What it's good for, 100 %", folder=checkout)
    assert code == 0, errors
    written = checkout / "migrations" / "versions" / f"{number}_what_it_s_good_for_100.py"
    content = written.read_text()
    assert content.startswith('"""What it\'s good for, 100 %."""\n')
    assert f'revision = "{number}"\ndown_revision = "{schema.HEAD}"\n' in content
    assert f"{schema.HEAD} -> {number} (head), What it's good for, 100 %." in alembic("history", folder=checkout)[1]
    assert alembic("revision", "-m", "another", "--rev-id", "0009", folder=checkout)[0] == 0
    assert (written.parent / "0009_another.py").exists()


def test_revisions_import_nothing_of_the_program():
    """They stay as they are while the tables of the program change."""
    for path in (schema.migrations_folder() / "versions").glob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        imported = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
        imported |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        assert imported <= {"sqlalchemy", "alembic"}, path
