"""A DuckDB file does what every database does."""

from __future__ import annotations

from itertools import count

import pytest
from database_contract import DatabaseContract


class TestDuckDBFile(DatabaseContract):
    @pytest.fixture
    def make_database(self, tmp_path):
        numbers = count(1)
        return lambda: str(tmp_path / f"it's {next(numbers)}.duckdb")

    @pytest.fixture
    def unreachable(self, tmp_path):
        return str(tmp_path / "none" / "none.duckdb")
