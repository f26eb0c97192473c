"""A schema of an earlier version on a server: brought to this one's in one transaction, or left as it is."""

from __future__ import annotations

import shutil

import pytest

from promptad_db.db.engine import migrate, schema

BEFORE = sorted(schema.revisions())[-2]


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(schema.migrations_folder(), tmp_path / "copied" / "migrations")


@pytest.fixture
def old(server, folder, monkeypatch):
    """A fresh database of the schema before this one, without views: its address and its name."""
    name = "old_schema"
    server.run(f"CREATE DATABASE {name}")
    (last,) = folder.glob(f"versions/{schema.HEAD}_*.py")
    kept = last.read_text()
    last.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(schema, "migrations_folder", lambda: folder)
        patched.setattr(schema, "load_views", lambda: ())
        migrate.init(server.address(name))
    last.write_text(kept)
    yield server.address(name), name
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


def revision(server, name):
    return server.run(f"SELECT version_num FROM {schema.REVISION_TABLE}", name)


def test_an_old_schema_is_brought_to_head_when_it_is_told_to(server, old, cli):
    address, name = old
    assert "promptad-db migrate --db" in cli("report", "--db", address).err
    answer = cli("migrate", "--dry-run", "--db", address)
    assert (answer.code, answer.out.startswith(f"{schema.HEAD}  "), "pg_dump" in answer.err) == (0, True, True)
    assert revision(server, name) == [(BEFORE,)]
    assert server.run("SELECT COUNT(*) FROM metrics", name) == [(0,)]
    assert cli("migrate", "--db", address).code == 0
    assert revision(server, name) == [(schema.HEAD,)]
    assert cli("report", "--db", address).code == 5
    assert "nothing to do" in cli("migrate", "--db", address).err


@pytest.mark.parametrize("failure", ['op.execute("SELECT 1 / 0")', "raise KeyboardInterrupt"])
def test_a_migration_that_fails_on_a_server_is_rolled_back(server, old, folder, cli, monkeypatch, failure):
    address, name = old
    (last,) = folder.glob(f"versions/{schema.HEAD}_*.py")
    last.write_text(f"{last.read_text()}    op.drop_table('metrics')\n    {failure}\n")
    with monkeypatch.context() as patched:
        patched.setattr(schema, "migrations_folder", lambda: folder)
        if "Keyboard" in failure:
            with pytest.raises(KeyboardInterrupt):
                migrate.migrate(address)
        else:
            answer = cli("migrate", "--db", address)
            assert (answer.code, "division by zero" in answer.err) == (3, True), answer.err
    assert revision(server, name) == [(BEFORE,)]
    assert server.run("SELECT COUNT(*) FROM metrics", name) == [(0,)]
    assert cli("migrate", "--db", address).code == 0


def test_a_server_without_the_schema_is_refused_with_init(server, cli, old):
    address, name = old
    server.run(f"DROP TABLE {schema.REVISION_TABLE}", name)
    answer = cli("migrate", "--db", address)
    assert (answer.code, "promptad-db init --db" in answer.err) == (3, True)
