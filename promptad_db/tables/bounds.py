"""Intervals behind the numbers that they are of: ``90.83 [88.10, 92.91]``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptad_db.tables.grid import Grid, printed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptad_db.result_set import ResultSet

_LOW, _HIGH = "ci_low_of:", "ci_high_of:"


def without_bounds(result: ResultSet) -> ResultSet:
    """The result without the columns of lower and upper bounds."""
    places = [place for place, name in enumerate(result.columns) if not _is_bound(result, name)]
    if len(places) == len(result.columns):
        return result
    return replace(
        result,
        columns=tuple(result.columns[place] for place in places),
        rows=[tuple(row[place] for place in places) for row in result.rows],
    )


def with_bounds(grid: Grid, result: ResultSet) -> Grid:
    """The grid of ``without_bounds(result)`` with each interval of the result behind its number."""
    names = [name for name in result.columns if not _is_bound(result, name)]
    bounded = {
        place: (result.columns.index(f"{name}_ci_low"), result.columns.index(f"{name}_ci_high"))
        for place, name in enumerate(names)
        if result.kinds.get(f"{name}_ci_low") == _LOW + name
    }
    if not bounded:
        return grid
    rows = []
    for cells, row in zip(grid.rows, result.rows, strict=True):
        new = list(cells)
        for place, (low, high) in bounded.items():
            bounds = interval(row[low], row[high], result.kinds.get(names[place], ""))
            new[place] = new[place]._replace(text=new[place].text + bounds)
        rows.append(new)
    return replace(grid, rows=rows)


def interval_of(record: Mapping[str, Any], name: str, kind: str) -> str:
    """The interval of a column of a record, as it stands behind the number; empty where there is none."""
    return interval(record.get(f"{name}_ci_low"), record.get(f"{name}_ci_high"), kind)


def interval(low: Any, high: Any, kind: str) -> str:
    """An interval as it stands behind a number; empty where there is none."""
    return "" if low is None or high is None else f" [{printed(low, kind)}, {printed(high, kind)}]"


def _is_bound(result: ResultSet, name: str) -> bool:
    return result.kinds.get(name, "").startswith((_LOW, _HIGH))
