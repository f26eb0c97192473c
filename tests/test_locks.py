"""Who may lock a database: other users of a shared folder, file systems without locks, damaged files."""

from __future__ import annotations

import errno
import fcntl
import gzip
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import pytest

from promptad_db import open_db
from promptad_db.db import index_folders
from promptad_db.db.engine import connect, migrate
from promptad_db.errors import DamagedDatabaseError, DatabaseError, DatabaseLockedError, UsageError
from promptad_db.storage.lock import holding, lock_paths, lock_timeout, locked

NOBODY = 65534
PACKAGE = Path(__file__).resolve().parents[1]
# Python itself may be where only root can read: whatever is needed is loaded, by a first try elsewhere, before.
AS_NOBODY = f"""
import os, sys, tempfile
sys.path.insert(0, {str(PACKAGE)!r})
from pathlib import Path
from promptad_db.cli.main import main
from promptad_db.db.engine import connect, migrate

def ends(*arguments):
    sys.argv[1:] = arguments
    try:
        main()
    except SystemExit as end:
        return end.code

scratch = Path(tempfile.mkdtemp(), "scratch.duckdb")
migrate.init(scratch)
with connect.reading(scratch):
    pass
umask, database, *given = sys.argv[1:]
with open(os.devnull, "w") as unheard:
    out, err = sys.stdout, sys.stderr
    sys.stdout = sys.stderr = unheard
    ends(*given, "--db", str(scratch))
    ends("report", "--db", "no such database")
    sys.stdout, sys.stderr = out, err
os.setgid({NOBODY})
os.setuid({NOBODY})
os.umask(int(umask))
"""
COMMAND = AS_NOBODY + 'sys.exit(ends(*given, "--db", database))'
READ_AND_HOLD = (
    AS_NOBODY
    + """
with connect.reading(Path(database)) as connection:
    print(connection.exec_driver_sql("SELECT COUNT(*) FROM runs").scalar(), flush=True)
    sys.stdin.read()
"""
)

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")


@pytest.fixture
def open_folder(tmp_path):
    """A folder of a shared disk that everybody can reach, where tests of other users may be."""
    place = Path("/tmp") / f"promptad-db-{os.getpid()}-{time.time_ns()}"
    place.mkdir()
    place.chmod(0o777)
    yield place
    shutil.rmtree(place)


def as_nobody(database, *arguments, umask=0o022):
    """A command of another user on a database: its exit code, its data, its words."""
    command = [sys.executable, "-c", COMMAND, str(umask), str(database), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@as_root
def test_a_reader_who_may_not_write_the_folder_is_waited_for(open_folder, make_run, monkeypatch):
    database = open_folder / "p.duckdb"
    index_folders([make_run({"tile": {"semantic": 0.5}})], database)
    open_folder.chmod(0o755)
    holding_it = [sys.executable, "-c", READ_AND_HOLD, "18", str(database), "report"]
    with subprocess.Popen(holding_it, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/") as reader:
        assert reader.stdout.readline() == "1\n"
        monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.3")
        with pytest.raises(DatabaseLockedError, match="locked by another process"):
            index_folders([make_run({"tile": {"semantic": 0.5}}, seed=2)], database)
        monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "30")
        reader.stdin.close()
        assert reader.wait(30) == 0
    index_folders([make_run({"tile": {"semantic": 0.5}}, seed=3)], database)
    assert open_db(database).query("SELECT COUNT(*) FROM runs").rows == [(3,)]


@as_root
def test_a_read_only_folder_without_lock_files_is_read(open_folder):
    database = open_folder / "p.duckdb"
    migrate.init(database)
    for side in ("lock", "turn"):
        database.with_name(f"p.duckdb.{side}").unlink()
    open_folder.chmod(0o755)
    assert as_nobody(database, "sql", "SELECT 1 AS x", "--format", "csv")[:2] == (0, "x\n1\n")
    assert [path.name for path in open_folder.iterdir()] == ["p.duckdb"]


@as_root
@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_what_the_first_user_makes_can_be_used_by_the_second_of_a_shared_folder(open_folder, make_run, umask):
    database = open_folder / "p.duckdb"
    one, other = (make_run({"tile": {"semantic": 0.5}}, root=open_folder, seed=seed) for seed in (1, 2))
    before = os.umask(umask)
    try:
        index_folders([one], database)
    finally:
        os.umask(before)
    database.chmod(0o666)
    kept = {path.name: path.stat().st_mode & 0o777 for path in open_folder.glob("p.duckdb.*")}
    assert kept == {"p.duckdb.lock": 0o666, "p.duckdb.turn": 0o666, "p.duckdb.waiting": 0o777}
    assert database.with_name("p.duckdb.waiting").joinpath("lock").stat().st_mode & 0o777 == 0o666
    code, _, said = as_nobody(database, "ingest", other, umask=umask)
    assert code == 0, said


@as_root
def test_a_lock_file_that_refuses_is_named_with_the_command_that_shares_it(open_folder):
    database = open_folder / "p.duckdb"
    migrate.init(database)
    database.chmod(0o666)
    database.with_name("p.duckdb.lock").chmod(0o600)
    for command in (("report",), ("init",)):
        code, _, said = as_nobody(database, *command)
        assert code == 3
        assert f"{database}.lock: this lock file cannot be opened (Permission denied)" in said
        assert f"chmod a+rw {database}.lock" in said


@as_root
def test_a_database_that_may_not_be_read_is_not_called_damaged(open_folder, make_run):
    database = open_folder / "p.duckdb"
    run = make_run({"tile": {"semantic": 0.5}}, root=open_folder)
    index_folders([run], database)
    database.chmod(0o600)
    content = database.read_bytes()
    for command in (("report",), ("rebuild", open_folder)):
        code, _, said = as_nobody(database, *command)
        assert code == 3
        assert "Permission denied" in said
        assert "damaged" not in said
    assert database.read_bytes() == content


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EIO])
def test_a_file_system_that_cannot_lock_is_told_at_once(cli, make_run, monkeypatch, number):
    def cannot(*_arguments):
        raise OSError(number, os.strerror(number))

    folder = make_run({"tile": {"semantic": 0.5}})
    cli("init")
    monkeypatch.setattr("portalocker.portalocker.LOCKER", cannot)
    for command in (("report",), ("init",), ("ingest", folder)):
        begun = time.monotonic()
        answer = cli(*command)
        assert answer.code == 3
        assert time.monotonic() - begun < 5
        assert os.strerror(number) in answer.err
        assert "another process" not in answer.err
        assert ("PostgreSQL" in answer.err) == (number != errno.EIO)


def test_a_reader_who_comes_while_a_writer_waits_waits_behind_it(tmp_path, monkeypatch):
    database = tmp_path / "p.duckdb"
    _, turn = lock_paths(database)
    written = threading.Event()

    def write():
        with locked(database, exclusive=True):
            written.set()

    def somebody_waits():
        with holding(turn) as free:
            return not free

    writer = threading.Thread(target=write)
    with locked(database, exclusive=False):
        monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "20")
        writer.start()
        deadline = time.monotonic() + 10
        while not somebody_waits() and time.monotonic() < deadline:
            time.sleep(0.05)
        monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.05")
        with pytest.raises(DatabaseLockedError), locked(database, exclusive=False):
            pass
        assert not written.is_set()
    writer.join(20)
    assert written.is_set()


def test_the_lock_of_another_process_is_still_waited_for(monkeypatch):
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.1")
    Path("x.lock").touch()
    with Path("x.lock").open() as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with holding(Path("x.lock")) as alone:
            assert not alone
        with pytest.raises(DatabaseLockedError), locked(Path("x"), exclusive=False):
            pass


@pytest.mark.parametrize("given", ["abc", "-1", "nan", "inf", "-inf", "1e9", "60s"])
def test_a_patience_that_is_no_number_of_seconds_is_refused(cli, monkeypatch, given):
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", given)
    with pytest.raises(UsageError, match="PROMPTAD_LOCK_TIMEOUT"):
        lock_timeout()
    answer = cli("init")
    assert answer.code == 2
    assert f"PROMPTAD_LOCK_TIMEOUT={given}" in answer.err


@pytest.mark.parametrize(("given", "seconds"), [("", 60), ("0", 0), ("0.5", 0.5), (" 7 ", 7)])
def test_a_patience_is_a_number_of_seconds(monkeypatch, given, seconds):
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", given)
    assert lock_timeout() == seconds


def flips(content, count, seed):
    """Places of a file and the bit to flip there: the three headers, and the rest."""
    choice = random.Random(seed)
    places = [
        choice.choice((choice.randrange(64), choice.randrange(12_288), choice.randrange(len(content))))
        for _ in range(count)
    ]
    return [(place, 1 << choice.randrange(8)) for place in places]


def test_no_flipped_bit_makes_a_file_locked_or_foreign(log_run):
    log_run("carpet", "tile")
    database = Path("promptad.duckdb")
    content = database.read_bytes()
    refused = 0
    for place, bit in flips(content, 200, seed=13):
        damaged = bytearray(content)
        damaged[place] ^= bit
        database.write_bytes(damaged)
        try:
            with connect.reading(Path(database)) as connection:
                connection.exec_driver_sql("SELECT COUNT(*), SUM(score) FROM image_scores").fetchall()
        except DamagedDatabaseError:
            refused += 1
    assert refused > 60


def test_rebuild_makes_every_file_again_that_cannot_be_opened(log_run, cli):
    log_run("carpet")
    database = Path("promptad.duckdb")
    content = database.read_bytes()
    repaired = 0
    for place, bit in [(8, 1), (9, 64), (52, 1), (0, 1), (4096, 2), (8192 + 8, 1), *flips(content, 6, seed=14)]:
        damaged = bytearray(content)
        damaged[place] ^= bit
        database.write_bytes(damaged)
        cannot = cli("report").code == 3
        assert cli("rebuild").code == 0
        assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(1,)]
        repaired += cannot
    assert repaired > 5


def test_a_damaged_block_is_not_called_a_lock(tmp_path):
    """DuckDB says of it where the bl*ock* is."""
    with duckdb.connect(str(tmp_path / "x.duckdb")) as made:
        made.execute("CREATE TABLE t AS SELECT range AS i FROM range(1000)")
    content = bytearray((tmp_path / "x.duckdb").read_bytes())
    content[100] ^= 1
    (tmp_path / "x.duckdb").write_bytes(content)
    with pytest.raises(DamagedDatabaseError, match="in block"):
        open_db(tmp_path / "x.duckdb").query("SELECT 1")


FOREIGN = {
    "an SQLite database": b"SQLite format 3\0" + bytes(84),
    "a Parquet file": b"PAR1" + bytes(80) + b"PAR1",
    "a gzip archive": gzip.compress(b"x"),
    "a zip archive": b"PK\x03\x04" + bytes(40),
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(40),
}


@pytest.mark.parametrize("locks", [False, True], ids=["", "with lock files of an earlier version"])
@pytest.mark.parametrize(("kind", "content"), FOREIGN.items(), ids=FOREIGN)
def test_a_file_of_another_program_is_named_and_left_alone(cli, make_run, kind, content, locks):
    run = make_run({"tile": {"semantic": 0.5}})
    Path("other.db").write_bytes(content)
    for side in ("lock", "turn") if locks else ():
        Path(f"other.db.{side}").touch()
    before = set(Path().iterdir())
    for command in (("report",), ("rebuild", "runs"), ("init",), ("migrate",), ("ingest", run), ("sql", "SELECT 1")):
        answer = cli(*command, "--db", "other.db")
        assert answer.code == 3, command
        assert kind in answer.err
        assert "rebuild --db" not in answer.err
        assert Path("other.db").read_bytes() == content
    assert set(Path().iterdir()) - before <= {Path("other.db.waiting")}


def test_a_folder_a_pipe_and_a_text_are_named_and_left_alone(cli, make_run):
    make_run({"tile": {"semantic": 0.5}})
    Path("folder.db").mkdir()
    os.mkfifo("pipe.db")
    Path("notes.txt").write_text("my notes")
    for name, kind in (("folder.db", "a folder"), ("pipe.db", "a named pipe"), ("notes.txt", "not a DuckDB file")):
        for command in (("report",), ("rebuild", "runs"), ("init",)):
            answer = cli(*command, "--db", name)
            assert answer.code == 3
            assert f"{name}: {kind}" in answer.err
    assert Path("notes.txt").read_text() == "my notes"


def test_a_newer_storage_version_is_named_and_left_alone(cli, make_run):
    make_run({"tile": {"semantic": 0.5}})
    with duckdb.connect("new.duckdb") as made:
        made.execute("CREATE TABLE t AS SELECT 1 AS i")
    content = bytearray(Path("new.duckdb").read_bytes())
    content[12] = 200
    content[:8] = checksum(content[8:4096]).to_bytes(8, "little")
    Path("new.duckdb").write_bytes(content)
    for command in (("report",), ("rebuild", "runs")):
        answer = cli(*command, "--db", "new.duckdb")
        assert answer.code == 3
        assert "newer DuckDB" in answer.err
        assert "pip install -U" in answer.err
    assert Path("new.duckdb").read_bytes() == content


def checksum(header):
    """Of the main header of a DuckDB file."""
    total = 5381
    for at in range(0, len(header), 8):
        total ^= int.from_bytes(header[at : at + 8], "little") * 0xBF58476D1CE4E5B9 % 2**64
    return total


@pytest.mark.parametrize("content", [b"", bytes(20_000)], ids=["empty", "zeros"])
def test_an_empty_file_is_made_anew_by_rebuild_alone(cli, make_run, content):
    make_run({"tile": {"semantic": 0.5}})
    Path("promptad.duckdb").write_bytes(content)
    for command in (("report",), ("init",)):
        answer = cli(*command)
        assert answer.code == 3
        assert "promptad-db rebuild" in answer.err
    assert cli("rebuild", "runs").code == 0
    assert open_db().query("SELECT COUNT(*) FROM runs").rows == [(1,)]


def test_a_database_in_no_folder_names_the_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseError, match="file"):
        migrate.init(tmp_path / "file" / "x.duckdb")
