"""Columns that say what the branch of each row is: ``kind``, ``supervision`` and ``upper_bound``, see marks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptad_db.marks import KIND_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptad_db.result_set import ResultSet


def kind_values(kinds: Mapping[str, Mapping[str, Any]], branch: str) -> tuple[Any, ...]:
    """The values of the columns for a branch, from the rows of a query by branch; None for an unknown one."""
    return tuple(kinds.get(branch, {}).get(name) for name in KIND_COLUMNS)


def with_kinds(result: ResultSet, kinds: Mapping[str, Mapping[str, Any]]) -> ResultSet:
    """The rows with what the branch of their column ``branch`` is."""
    place = result.columns.index("branch")
    rows = [(*row, *kind_values(kinds, row[place])) for row in result.rows]
    return replace(result, columns=(*result.columns, *KIND_COLUMNS), rows=rows)


def with_kinds_of_sides(result: ResultSet, kinds: Mapping[str, Mapping[str, Any]], sides: tuple[str, str]) -> ResultSet:
    """The rows with the branches of both sides and what these are, in columns that end in _a and _b."""
    added = tuple(f"{name}_{end}" for end in ("a", "b") for name in ("branch", *KIND_COLUMNS))
    values = [value for branch in sides for value in (branch, *kind_values(kinds, branch))]
    return replace(result, columns=(*result.columns, *added), rows=[(*row, *values) for row in result.rows])
