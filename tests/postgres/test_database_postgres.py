"""A PostgreSQL server does what every database does."""

from __future__ import annotations

from itertools import count

import pytest
from database_contract import DatabaseContract

_NUMBERS = count(1)


class TestPostgresDatabase(DatabaseContract):
    @pytest.fixture
    def make_database(self, server):
        names = []

        def make():
            names.append(f"contract_{next(_NUMBERS)}")
            server.run(f"CREATE DATABASE {names[-1]}")
            return server.address(names[-1])

        yield make
        for name in names:
            server.run(f"DROP DATABASE {name} WITH (FORCE)")

    @pytest.fixture
    def unreachable(self, server):
        return f"postgresql+psycopg://{server.superuser}@127.0.0.1:1/promptad"

    def test_a_dry_run_names_what_makes_a_copy(self, old, cli):
        assert "pg_dump" in cli("migrate", "--dry-run", "--db", old).err
