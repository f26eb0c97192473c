"""The commands of Alembic on a server."""

from __future__ import annotations

import pytest
from test_alembic import alembic

from promptad_db.db.engine import schema, tables


@pytest.fixture
def empty(server):
    """The name of a database without a schema."""
    server.run("CREATE DATABASE alembics")
    yield "alembics"
    server.run("DROP DATABASE alembics WITH (FORCE)")


def test_a_server_is_brought_from_nothing_to_head_step_by_step(server, empty, cli):
    address = server.address(empty)
    assert alembic("current", PROMPTAD_DB=address)[:2] == (0, "")
    code, _, errors = alembic("upgrade", "0001", PROMPTAD_DB=address)
    assert code == 0, errors
    assert alembic("current", PROMPTAD_DB=address)[1] == "0001\n"
    assert "promptad-db migrate" in cli("report", "--db", address).err
    assert alembic("-x", f"db={address}", "upgrade", "head")[0] == 0
    assert alembic("-x", f"db={address}", "current")[1] == f"{schema.HEAD} (head)\n"
    assert cli("report", "--db", address).code == 5
    query = (
        "SELECT conrelid::regclass::text, conname FROM pg_constraint WHERE contype IN ('p', 'u', 'f', 'c')"
        " AND connamespace = 'public'::regnamespace"
    )
    found = dict(server.run(query, empty))
    del found[schema.REVISION_TABLE]  # Alembic's own table and name
    assert found == {name: tables.NAMING_CONVENTION["pk"] % {"table_name": name} for name in tables.metadata.tables}


def test_a_server_that_is_away_is_no_traceback():
    code, errors, traceback = alembic("current", PROMPTAD_DB="postgresql://someone:secret@127.0.0.1:1/x")
    assert (code != 0, "cannot connect" in errors, traceback) == (True, True, "")
    assert "secret" not in errors
