"""Columns that say what the numbers of each row are: ``kind``, ``supervision``, ``provenance``, ``selection``, ...; see marks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptad_db.db.engine.query import fetch
from promptad_db.marks import KIND_COLUMNS, SIDES, branch_marks

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from promptad_db.db.queries.selection import Filters
    from promptad_db.result_set import ResultSet


def kinds_of(connection: sa.Connection) -> dict[str, dict[str, Any]]:
    """What the branches of a selection are, by name."""
    return {row["branch"]: row for row in fetch(connection, "SELECT * FROM branch_kinds ORDER BY branch").records()}


def kind_values(kinds: Mapping[str, Mapping[str, Any]], branch: str) -> tuple[Any, ...]:
    """The values of the columns for a branch, from the rows of a query by branch; None for an unknown one."""
    return tuple(kinds.get(branch, {}).get(name) for name in KIND_COLUMNS)


def with_kinds(result: ResultSet, kinds: Mapping[str, Mapping[str, Any]]) -> ResultSet:
    """The rows with what the branch of their column ``branch`` is."""
    index = result.columns.index("branch")
    rows = [(*row, *kind_values(kinds, row[index])) for row in result.rows]
    return replace(result, columns=(*result.columns, *KIND_COLUMNS), rows=rows)


def with_kinds_of_sides(result: ResultSet, kinds: Mapping[str, Mapping[str, Any]], sides: tuple[str, str]) -> ResultSet:
    """The rows with the branches of both sides and what these are, in columns that end in _a and _b."""
    values = {
        f"{name}{end}": value
        for end, branch in zip(SIDES, sides, strict=True)
        for name, value in zip(("branch", *KIND_COLUMNS), (branch, *kind_values(kinds, branch)), strict=True)
        if f"{name}{end}" not in result.columns
    }
    rows = [(*row, *values.values()) for row in result.rows]
    return replace(result, columns=(*result.columns, *values), rows=rows)


def with_provenance(result: ResultSet, filters: Filters) -> ResultSet:
    """The rows of a selection of estimates with their provenance; other rows as they are."""
    if filters.provenance != "approx" or "provenance" in result.columns:
        return result
    rows = [(*row, filters.provenance) for row in result.rows]
    return replace(result, columns=(*result.columns, "provenance"), rows=rows)


def with_sources(result: ResultSet, sources: ResultSet) -> ResultSet:
    """The rows with the columns that only ``sources`` has, of its row that agrees in all others; None where there is none."""
    key = [name for name in sources.columns if name in result.columns]
    added = [name for name in sources.columns if name not in key]
    known = {tuple(row[name] for name in key): [row[name] for name in added] for row in sources.records()}
    unknown = [None] * len(added)
    rows = [
        (*row, *known.get(tuple(record[name] for name in key), unknown))
        for row, record in zip(result.rows, result.records(), strict=True)
    ]
    return replace(result, columns=(*result.columns, *added), rows=rows)


def kind_notes(kinds: Mapping[str, Mapping[str, Any]], branches: tuple[str, str]) -> list[str]:
    """What a reader must know of the two branches that a report compares, where one of them is no fair one."""
    return [f"{branch}: {mark.meaning}" for branch in branches for mark in branch_marks(branch, kinds.get(branch, {}))]
