"""Runs between a file and a server: all of them, once, compared, and again from where it stopped."""

from __future__ import annotations

from pathlib import Path

import pytest
from measured_runs import TIMINGS, Laboratory, both

from promptad_db import open_db
from promptad_db.db import index_folders
from promptad_db.db.engine import tables
from promptad_db.db.index import transfer as copying
from promptad_db.db.index.transfer import copy
from promptad_db.errors import DatabaseError


@pytest.fixture
def filled(log_run):
    """A file with runs of several kinds."""
    lab = Laboratory()
    for seed in (None, 1, 2, 3):
        lab.run({"tile": both(0.1 + 0.2, 1 / 3), "Ä %s": {"max": None}}, seed=seed, timings=TIMINGS)
    log_run("carpet", "tile", tags=["b", "A"], note="a\\N\tb", db=False)
    index_folders(sorted(path.parent for path in Path("runs").glob("*/run.json")), "promptad.duckdb")
    return "promptad.duckdb"


def contents(place):
    return {
        name: sorted(map(repr, open_db(place).query(f"SELECT * FROM {name}").rows)) for name in tables.metadata.tables
    }


def test_there_and_back_is_the_same_database(filled, address, cli):
    answer = cli("copy", filled, address)
    assert (answer.code, answer.err.startswith("5 runs copied;")) == (0, True), answer.err
    assert contents(address) == contents(filled)
    assert cli("copy", address, "back.duckdb").code == 0
    assert contents("back.duckdb") == contents(filled)
    assert "0 runs copied (5 were there already)" in cli("copy", address, filled).err
    assert cli("report", "--db", "back.duckdb").out == cli("report", "--db", filled).out


def test_an_interrupted_copy_goes_on_where_it_was(filled, address, monkeypatch):
    monkeypatch.setattr(copying, "RUNS_A_STEP", 2)

    def dies(done, _total):
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy(filled, address, progress=dies)
    assert open_db(address).query("SELECT COUNT(*) FROM runs").rows == [(4,)]
    outcome = copy(filled, address)
    assert (len(outcome.copied), len(outcome.known)) == (1, 4)
    assert contents(address) == contents(filled)


def test_another_content_is_rejected_unless_replaced(filled, address, server, database, cli):
    copy(filled, address)
    server.run("UPDATE metrics SET value = 0.25 WHERE category = 'tile' AND branch = 'semantic'", database)
    answer = cli("copy", filled, address)
    assert (answer.code, "other metrics; --replace" in answer.err) == (4, True)
    assert cli("copy", filled, address, "--replace").code == 0
    assert contents(address) == contents(filled)


def test_what_is_not_read_back_as_it_was_written_is_not_stored(filled, address, server, database):
    server.run(
        "CREATE FUNCTION round_off() RETURNS TRIGGER LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.value := ROUND(CAST(NEW.value AS NUMERIC), 3); RETURN NEW; END $$",
        database,
    )
    server.run("CREATE TRIGGER r BEFORE INSERT ON metrics FOR EACH ROW EXECUTE FUNCTION round_off()", database)
    with pytest.raises(DatabaseError, match="metrics read back"):
        copy(filled, address)
    assert open_db(address).query("SELECT COUNT(*) FROM runs").rows == [(0,)]


def test_a_run_that_the_target_cannot_store_is_rejected_alone(filled, address):
    open_db(filled, read_only=False).query("UPDATE runs SET note = 'a' || chr(0) WHERE seed = 2")
    outcome = copy(filled, address)
    assert (len(outcome.copied), len(outcome.rejected)) == (4, 1)


def test_a_database_is_not_copied_onto_itself(filled, address, cli):
    assert cli("copy", filled, filled).code == 2
    assert cli("copy", "nowhere.duckdb", address).code == 3
