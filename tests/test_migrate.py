"""A database of any released version is brought to this one's schema whole, or stays as it was."""

from __future__ import annotations

import gzip
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from promptad_db import open_db
from promptad_db.db.engine import migrate, schema
from promptad_db.errors import DatabaseError

STORED = Path(__file__).parent / "stored"
OLDEST = "0001"
DATABASE = Path("promptad.duckdb")
BACKUP = Path(f"promptad.duckdb.before-{OLDEST}")


@pytest.fixture(autouse=True)
def old():
    """The bytes of a database of the oldest schema, which is promptad.duckdb."""
    content = gzip.decompress((STORED / f"schema_{OLDEST}.duckdb.gz").read_bytes())
    DATABASE.write_bytes(content)
    return content


@pytest.fixture
def ending(tmp_path):
    """A folder of the real migrations whose last one goes on with other code after its work."""

    def make(code):
        folder = shutil.copytree(schema.migrations_folder(), tmp_path / "ending" / "migrations")
        (last,) = folder.glob(f"versions/{schema.HEAD}_*.py")
        last.write_text(last.read_text() + "".join(f"    {line}\n" for line in code.splitlines()))
        return folder

    return make


def revision(database=DATABASE):
    with duckdb.connect(database, read_only=True) as connection:
        return connection.execute(f"SELECT version_num FROM {schema.REVISION_TABLE}").fetchall()[0][0]


def names():
    """Everything in the folder but the lock files and what tests bring."""
    return sorted(path.name for path in Path().iterdir() if path.suffix not in (".lock", ".turn") and path.is_file())


def in_process(code, *, largest="resource.RLIM_INFINITY"):
    """Python code in a process of its own, in which no file may grow beyond some bytes: as on a full disk."""
    limit = f"import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, ({largest}, {largest}))\n"
    command = [sys.executable, "-c", limit + code]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def migrating_with(folder):
    return f"""
from pathlib import Path
from promptad_db.cli.main import main
from promptad_db.db.engine import schema
schema.migrations_folder = lambda: Path({str(folder)!r})
import sys
sys.argv = ["promptad-db", "migrate"]
main()
"""


def test_an_old_database_is_brought_to_head_and_kept_as_it_was_beside_it(cli, old):
    assert cli("report").code == 3
    answer = cli("migrate")
    assert (answer.code, f"\n{schema.HEAD}  " in f"\n{answer.out}") == (0, True)
    assert answer.err.splitlines() == [
        f"promptad.duckdb: schema {schema.HEAD}, was {OLDEST}",
        f"{BACKUP}: the database as it was; delete it when you no longer need it",
    ]
    assert (revision(), BACKUP.read_bytes()) == (schema.HEAD, old)
    assert names() == [DATABASE.name, BACKUP.name]
    assert cli("report").code == 0
    assert cli("check", "--severity", "error", "--only", "duplicate-keys,orphans").code == 0


def test_tables_views_and_columns_of_the_users_own_stay_through_a_migration(cli):
    with duckdb.connect(DATABASE) as connection:
        connection.execute("CREATE TABLE mine (x INTEGER)")
        connection.execute("INSERT INTO mine VALUES (1)")
        connection.execute("CREATE VIEW my_view AS SELECT x AS doubled FROM mine")
        connection.execute("ALTER TABLE runs ADD COLUMN owner VARCHAR")
    answer = cli("migrate")
    assert answer.code == 0, answer.err
    with duckdb.connect(DATABASE) as connection:
        assert connection.execute("SELECT doubled FROM my_view").fetchall() == [(1,)]
        assert connection.execute("SELECT DISTINCT owner FROM runs").fetchall() == [(None,)]


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(cli, old):
    answer = cli("migrate", "--dry-run")
    assert answer.code == 0
    steps = [line.split("  ", 1) for line in answer.out.splitlines()]
    assert [step[0] for step in steps] == sorted(set(schema.revisions()) - {OLDEST})
    assert steps[0][1] == "What each image adds to each exact AUROC: placements, for intervals and tests."
    assert "nothing is changed" in answer.err
    assert f"{BACKUP}: would be" in answer.err
    assert (DATABASE.read_bytes(), names()) == (old, [DATABASE.name])
    assert "rolled back" in cli("migrate", "--dry-run", "--no-backup").err


def test_a_database_of_this_version_is_left_alone(cli):
    cli("migrate", "--no-backup")
    before = DATABASE.read_bytes()
    for words in ((), ("--dry-run",)):
        answer = cli("migrate", *words)
        assert (answer.code, answer.out, "nothing to do" in answer.err) == (0, "", True)
    assert (DATABASE.read_bytes(), names()) == (before, [DATABASE.name])


def test_init_upgrades_in_the_same_way(cli, old):
    assert f"was {OLDEST}" in cli("init").err
    assert (revision(), BACKUP.read_bytes()) == (schema.HEAD, old)


def test_without_a_database_there_is_nothing_to_migrate(cli):
    for words in (("migrate",), ("migrate", "--dry-run")):
        answer = cli(*words, "--db", "nowhere.duckdb")
        assert (answer.code, "promptad-db init --db nowhere.duckdb" in answer.err) == (3, True)
    assert not Path("nowhere.duckdb").exists()


@pytest.mark.parametrize(
    ("found", "mend"), [("9999", "pip install -U promptad-db"), ("0000", "promptad-db rebuild"), ("", "rebuild")]
)
def test_a_schema_that_this_version_does_not_know_is_refused(cli, found, mend):
    with duckdb.connect(DATABASE) as connection:
        connection.execute(f"UPDATE {schema.REVISION_TABLE} SET version_num = '{found}'")
    before = DATABASE.read_bytes()
    for words in (("migrate",), ("migrate", "--dry-run")):
        answer = cli(*words)
        assert (answer.code, mend in answer.err) == (3, True), answer.err
    assert (DATABASE.read_bytes(), names()) == (before, [DATABASE.name])


def test_the_database_of_another_program_is_refused(cli):
    with duckdb.connect("theirs.duckdb") as connection:
        connection.execute("CREATE TABLE theirs (x INTEGER)")
    answer = cli("migrate", "--db", "theirs.duckdb")
    assert (answer.code, "not a promptad-db database" in answer.err) == (3, True)


def test_what_a_killed_writer_left_in_the_log_beside_the_file_is_in_both(cli):
    with duckdb.connect(DATABASE) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute("UPDATE runs SET note = 'in the log'")
    assert Path(f"{DATABASE}.wal").exists()
    assert cli("migrate").code == 0
    assert names() == [DATABASE.name, BACKUP.name]
    for path in (DATABASE, BACKUP):
        with duckdb.connect(path, read_only=True) as connection:
            assert connection.execute("SELECT note FROM runs").fetchall() == [("in the log",)]


def test_without_room_for_what_is_in_the_log_nothing_is_migrated(cli, old):
    with duckdb.connect(DATABASE) as connection:
        connection.execute("PRAGMA disable_checkpoint_on_shutdown")
        connection.execute(
            "INSERT INTO run_tags SELECT 'run', CAST(hash(x) AS VARCHAR) FROM range(40_000) AS numbers (x)"
        )
    answer = in_process(migrating_with(schema.migrations_folder()), largest=len(old))
    assert answer.returncode == 3, answer.stderr
    assert "nothing is migrated" in answer.stderr
    assert revision() == OLDEST
    assert not BACKUP.exists()
    assert cli("migrate").code == 0
    assert open_db().query("SELECT COUNT(*) FROM run_tags WHERE run_id = 'run'").rows == [(40_000,)]


def test_one_copy_a_revision_is_kept_and_what_a_killed_copying_left_is_taken_away(cli, old):
    BACKUP.write_text("of an earlier time")
    Path(f".{BACKUP}.tmp").write_text("half")
    assert cli("migrate").code == 0
    assert (BACKUP.read_bytes(), names()) == (old, [DATABASE.name, BACKUP.name])


@pytest.mark.parametrize("name", ["it's 100% <script>alert(1).duckdb", "naïve 💥.db"])
def test_a_file_of_any_name_is_migrated(cli, old, name):
    DATABASE.rename(name)
    hint = cli("report", "--db", name).err.splitlines()[1]
    assert cli(*shlex.split(hint.partition("promptad-db ")[2])).code == 0
    assert (revision(name), Path(f"{name}.before-{OLDEST}").read_bytes()) == (schema.HEAD, old)


FAILURES = {
    "SQL": 'op.execute("INSERT INTO runs SELECT * FROM runs")',
    "Python": 'op.execute("DELETE FROM metrics")\nraise ValueError("<b>no</b>")',
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("options", [(), ("--no-backup",)], ids=["backup", "no backup"])
def test_a_migration_that_fails_leaves_the_database_as_it_was(cli, old, ending, monkeypatch, failure, options):
    with monkeypatch.context() as patched:
        folder = ending(FAILURES[failure])
        patched.setattr(schema, "migrations_folder", lambda: folder)
        answer = cli("migrate", *options)
    assert answer.code == 3
    assert "failed, and the database is as it was" in answer.err
    assert ("put back from its copy" in answer.err) == (not options)
    assert "this is a bug" not in answer.err
    assert (revision(), names()) == (OLDEST, [DATABASE.name])
    if not options:
        assert DATABASE.read_bytes() == old
    assert cli("migrate").code == 0
    assert cli("report").code == 0


def test_a_migration_that_is_interrupted_leaves_the_database_as_it_was(old, ending, monkeypatch):
    folder = ending("raise KeyboardInterrupt")
    monkeypatch.setattr(schema, "migrations_folder", lambda: folder)
    with pytest.raises(KeyboardInterrupt):
        migrate.migrate()
    assert (DATABASE.read_bytes(), names()) == (old, [DATABASE.name])


def test_a_link_stays_a_link_and_the_copy_is_beside_the_file(cli, old, ending, monkeypatch):
    Path("store").mkdir()
    DATABASE.rename("store/real.duckdb")
    DATABASE.symlink_to("store/real.duckdb")
    with monkeypatch.context() as patched:
        folder = ending("raise ValueError")
        patched.setattr(schema, "migrations_folder", lambda: folder)
        with pytest.raises(DatabaseError, match="put back"):
            migrate.migrate()
    assert (DATABASE.is_symlink(), DATABASE.read_bytes()) == (True, old)
    assert cli("migrate").code == 0
    assert DATABASE.is_symlink()
    assert Path(f"store/real.duckdb.before-{OLDEST}").read_bytes() == old


def test_a_migration_killed_in_its_work_is_done_by_the_next(cli, old, ending):
    answer = in_process(migrating_with(ending("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")))
    assert answer.returncode == -9, answer.stderr
    assert BACKUP.read_bytes() == old
    assert revision() == OLDEST
    assert cli("migrate").code == 0
    assert (revision(), names()) == (schema.HEAD, [DATABASE.name, BACKUP.name])


def test_without_room_for_the_copy_nothing_is_changed(old):
    answer = in_process(migrating_with(schema.migrations_folder()), largest=len(old) - 4096)
    assert answer.returncode == 3, answer.stderr
    assert "cannot be made" in answer.stderr
    assert "nothing is changed" in answer.stderr
    assert "--no-backup" in answer.stderr
    assert (DATABASE.read_bytes(), names()) == (old, [DATABASE.name])


def test_without_room_for_the_migration_the_copy_is_put_back(cli, old, ending):
    grow = 'op.execute("CREATE TABLE big AS SELECT random() AS x FROM range(1_000_000)")'
    answer = in_process(migrating_with(ending(grow)), largest=len(old) + 262_144)
    assert answer.returncode == 3, answer.stderr
    assert "put back from its copy" in answer.stderr
    assert "make room" in answer.stderr
    assert (DATABASE.read_bytes(), names()) == (old, [DATABASE.name])
    assert cli("migrate").code == 0


def test_two_that_migrate_at_once_do_it_once(old):
    command = [sys.executable, "-m", "promptad_db", "migrate"]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    assert (revision(), BACKUP.read_bytes()) == (schema.HEAD, old)


def test_a_database_open_in_another_program_is_left_alone(cli, old):
    code = f"import duckdb; c = duckdb.connect({str(DATABASE)!r}); print('open', flush=True); input()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout.readline() == "open\n"
        answer = cli("migrate")
        shell.communicate("\n")
    assert (answer.code, "close that program" in answer.err) == (3, True)
    assert (DATABASE.read_bytes(), names()) == (old, [DATABASE.name])
