"""Weighted sums of AUROCs over a selection, and how uncertain the choice of test images leaves them.

A contrast is a difference of branches in a cell, a mean over cells, a mean difference. Cells of one category share their test
images, whatever their K and seed, so the components of an image are added up before they are squared; see uncertainty.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, fields
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from promptad_db.db.engine.query import execute, fetch
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.db.queries.selection import parameters_of
from promptad_db.stats.uncertainty import (
    Interval,
    Spread,
    Uncertainty,
    auroc_interval,
    difference_interval,
    uncertainty,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from promptad_db.db.engine.sql_files import SqlFile
    from promptad_db.db.queries.selection import Filters

_ROOM = 128  # MB, for the work on one slice
_ROW_AT = {"duckdb": "rowid", "postgresql": "ctid"}  # where a row lies in its table; the rows of a run lie together
_TERMS = "row_key, quantity, run_id, level, task, dataset, category, branch, weight, auroc"
# Materialised, since DuckDB reads rows by their place alone only where no filter of a join comes on top.
_FEW = """
WITH few AS MATERIALIZED (SELECT * FROM numbered WHERE row_at BETWEEN '{first}' AND '{last}')
SELECT * FROM few
"""
_ACROSS_SLICES = -1
_OF_ONE_CELL = 2
_NO_WEIGHT = 1e-9

Key = tuple[str, ...]

_SPREAD = tuple(field.name for field in fields(Spread))


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of AUROCs that all have placements, fractions: a mean, or a ``difference``. ``extremes`` of them are
    exactly 0 or 1. ``paired``: all are of the same test images. ``found`` is None where its uncertainty is unknown: nothing
    varies, or it is about one cell where an AUROC is exactly 0 or 1.
    """

    value: float
    difference: bool
    extremes: int
    paired: bool
    found: Uncertainty | None

    def interval(self) -> Interval:
        """The 95 % interval; None and None where it is undefined."""
        return (difference_interval if self.difference else auroc_interval)(self.value, self.found)

    def p_value(self) -> float | None:
        """Two-sided, of a difference; None where it cannot be tested."""
        return None if self.found is None else self.found.p_value(self.value)


def contrasts(
    connection: sa.Connection, name: str, filters: Filters, **parameters: Any
) -> Iterator[tuple[Key, Contrast]]:
    """The contrasts that sql/contrasts/``name``.sql makes of the selection, each with the parts of its key.

    One is left out where an AUROC of it has no placements. A file that takes :slice makes those of some runs at a time, so
    that the memory needed is the same for any number of runs.
    """
    query = load_sql("contrasts", name)
    given = {**parameters_of(filters), **parameters}
    if "slice" not in query.parameters:
        yield from _contrasts(connection, query, given, "SELECT * FROM placements")
        return
    numbered = f"SELECT *, {_ROW_AT[connection.dialect.name]} AS row_at FROM placements"  # noqa: S608 - our own names
    connection.exec_driver_sql(f"CREATE TEMPORARY VIEW numbered AS {numbered}")
    connection.exec_driver_sql(f"CREATE TEMPORARY TABLE slices AS {load_sql('contrasts', 'slices').sql}")
    with _little_cached(connection):
        slices = fetch(connection, "SELECT DISTINCT slice, first, last FROM slices ORDER BY slice").records()
        for row in slices:
            yield from _contrasts(connection, query, {**given, "slice": row["slice"]}, _FEW.format_map(row))
        if len(slices) > 1:
            yield from _contrasts(connection, query, {**given, "slice": _ACROSS_SLICES}, "SELECT * FROM placements")
    connection.exec_driver_sql("DROP TABLE slices")
    connection.exec_driver_sql("DROP VIEW numbered")


@contextmanager
def _little_cached(connection: sa.Connection) -> Iterator[None]:
    """Let DuckDB drop what it has read of the file, of which it would else keep as much as there is memory."""
    if connection.dialect.name == "postgresql":
        yield
        return
    used = fetch(connection, "SELECT SUM(memory_usage_bytes) FROM duckdb_memory()").rows[0][0]
    connection.exec_driver_sql(f"SET memory_limit = '{int(used) // 1_000_000 + _ROOM}MB'")
    try:
        yield
    finally:
        connection.exec_driver_sql("RESET memory_limit")


@contextmanager
def _without_nested_loops(connection: sa.Connection) -> Iterator[None]:
    """PostgreSQL takes the parts of a query for smaller than they are, and would compare every row with every other."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.exec_driver_sql("SET LOCAL enable_nestloop = off")
    yield
    connection.exec_driver_sql("SET LOCAL enable_nestloop = on")


def _contrasts(
    connection: sa.Connection, query: SqlFile, given: dict[str, Any], scored: str
) -> list[tuple[Key, Contrast]]:
    """The contrasts of the terms that a file makes, from the placements that the query ``scored`` has."""
    connection.exec_driver_sql(f"CREATE TEMPORARY VIEW scored AS {scored}")
    terms = f"CREATE TEMPORARY VIEW terms ({_TERMS}) AS {query.sql}"
    execute(connection, terms, **{name: given[name] for name in query.parameters})
    rows: list[dict[str, Any]] = []
    if connection.exec_driver_sql("SELECT EXISTS (SELECT 1 FROM terms)").scalar():
        with _without_nested_loops(connection):
            rows = fetch(connection, load_sql("contrasts", "spreads").sql).records()
    for view in ("terms", "scored"):
        connection.exec_driver_sql(f"DROP VIEW {view}")
    return [
        ((*row_key, quantity), _contrast(list(test_sets)))
        for (row_key, quantity), test_sets in groupby(rows, key=itemgetter("row_key", "quantity"))
    ]


def _contrast(test_sets: list[dict[str, Any]]) -> Contrast:
    """The contrast of one row a task and category."""
    one = test_sets[0]
    difference = abs(one["weight"]) < _NO_WEIGHT
    found = uncertainty(
        (Spread(**{name: row[name] for name in _SPREAD}) for row in test_sets),
        clustered=any(row["task"] == "seg" for row in test_sets),
        difference=difference,
    )
    return Contrast(
        value=one["value"],
        difference=difference,
        extremes=one["extremes"],
        paired=len(test_sets) == 1 and one["appearances"] == one["terms"],
        found=None if one["extremes"] and one["terms"] <= _OF_ONE_CELL else found,
    )
