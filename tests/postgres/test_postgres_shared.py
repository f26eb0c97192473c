"""One PostgreSQL database for many: nothing is lost, doubled or half there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa
from measured_runs import Laboratory, both

from promptad_db import open_db
from promptad_db.db import index_folders
from promptad_db.db.engine import connect, migrate, schema, tables
from promptad_db.db.index import write
from promptad_db.db.index.rebuild import rebuild
from promptad_db.errors import DatabaseError


def counts(address):
    query = " UNION ALL ".join(f"SELECT '{name}', COUNT(*) FROM {name}" for name in tables.metadata.tables)
    return dict(open_db(address).query(query).rows)


@pytest.fixture
def lab():
    return Laboratory()


def test_a_new_schema_has_the_tables_of_the_models_with_keys_and_byte_order(address):
    with connect.reading(address) as connection:
        inspector = sa.inspect(connection)
        assert set(inspector.get_table_names()) == {*tables.metadata.tables, schema.REVISION_TABLE}
        for table in tables.metadata.tables.values():
            found = inspector.get_columns(table.name)
            assert [(column["name"], column["nullable"]) for column in found] == [
                (column.name, column.nullable) for column in table.columns
            ]
            for column, wanted in zip(found, table.columns, strict=True):
                kind = wanted.type.compile(connection.dialect).replace(" WITHOUT TIME ZONE", "")
                assert column["type"].compile(connection.dialect).replace(" WITHOUT TIME ZONE", "") == kind, column
            assert inspector.get_pk_constraint(table.name)["constrained_columns"], table.name


def test_a_run_that_the_server_cannot_store_is_rejected_and_the_others_are_taken(address, lab):
    good, bad = lab.run({"tile": both(0.5, 0.6)}), lab.run({"tile": both(0.5, 0.6)}, seed=2)
    content = json.loads((bad / "run.json").read_text())
    (bad / "run.json").write_text(json.dumps(content | {"note": "a \0 within"}))
    outcome = index_folders([bad, good], address)
    assert outcome.added == [good.name]
    assert [(folder.name, "NUL" in reason) for folder, reason in outcome.rejected] == [(bad.name, True)]
    assert counts(address)["runs"] == 1


def test_a_connection_lost_within_a_transaction_leaves_no_half_run(address, server, database, lab, monkeypatch):
    kept, lost = lab.run({"tile": both(0.5, 0.6)}), lab.run({"tile": both(0.5, 0.6)}, seed=2)
    index_folders([kept], address)
    before = counts(address)
    original = write._insert_categories

    def cut(connection, found):
        process = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM runs").scalar() == 2
        server.run(f"SELECT pg_terminate_backend({process}, 5000)")
        original(connection, found)

    with monkeypatch.context() as patch:
        patch.setattr(write, "_insert_categories", cut)
        with pytest.raises(DatabaseError, match="nothing of this step is stored"):
            index_folders([lost], address)
    assert counts(address) == before
    assert index_folders([kept, lost], address).added == [lost.name]


def test_a_rebuild_replaces_all_rows_at_once_while_readers_see_the_old(address, lab, monkeypatch):
    folders = [lab.run({"tile": both(0.5, 0.6)}, seed=seed) for seed in range(3)]
    index_folders(folders, address)
    with connect.writing(address) as connection:
        connection.exec_driver_sql("DELETE FROM metrics")
    seen = []

    def look(done, total):
        seen.append((done, total, counts(address)["metrics"]))

    outcome = rebuild(address, [Path("runs")], progress=look)
    assert sorted(outcome.added) == sorted(folder.name for folder in folders)
    assert seen == [(1, 3, 0), (2, 3, 0), (3, 3, 0)]
    assert counts(address)["metrics"] == 9


@pytest.mark.slow
def test_eight_processes_ingest_four_hundred_runs_at_once_without_loss_or_doubles(address, make_run):
    for seed in range(400):
        make_run({"tile": both(0.5, 0.6), "wood": both(0.7, 0.6)}, seed=seed)
    folders = sorted(str(path) for path in Path("runs").iterdir())
    parts = [folders[index::8] + folders[:5] for index in range(8)]  # and some that all of them have
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "promptad_db", "ingest", *part, "--db", address], stderr=subprocess.PIPE, text=True
        )
        for part in parts
    ]
    errors = [process.communicate(timeout=600)[1] for process in processes]
    assert [process.returncode for process in processes] == [0] * 8, errors
    found = counts(address)
    assert (found["runs"], found["run_categories"], found["metrics"], found["categories"]) == (400, 800, 2400, 2)
    assert open_db(address).query("SELECT COUNT(DISTINCT run_id) FROM metrics").rows == [(400,)]


def test_migrations_make_the_same_schema_in_one_transaction(server):
    server.run("CREATE DATABASE half")
    address = server.address("half")

    def dies():
        with connect.migrating(address) as connection:
            schema.upgrade(connection)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        dies()
    with connect.migrating(address) as connection:
        assert sa.inspect(connection).get_table_names() == []
    assert migrate.init(address) == (None, schema.HEAD)
