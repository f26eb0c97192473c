"""What a terminal shows beside the texts of a grid: which branch is the weak one, and how large a gap is."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptad_db.result_set import ResultSet
    from promptad_db.tables.grid import Grid

_WEAK_BRANCH = "weak_branch"
_MEAN_GAP = "mean_gap"  # the means of its two branches stand before it
_TIE = "tie"


def highlighted(grid: Grid, result: ResultSet) -> Grid:
    """The grid of a result with its weak branches and the sizes of its gaps marked; the texts stay as they are.

    Weak are the name in the column weak_branch and the AUROC of that branch, and the lower one of two means before
    mean_gap. A column of signed gaps is scaled to its largest, where it has two rows or more.
    """
    largest = {index: _largest(result, index) for index, name in enumerate(result.columns) if _is_gap(result, name)}
    rows = []
    for cells, values in zip(grid.rows, result.rows, strict=True):
        new = list(cells)
        for index in _weak(result, values):
            new[index] = new[index]._replace(weak=True)
        for index, most in largest.items():
            if most and _is_finite(values[index]):
                new[index] = new[index]._replace(part=abs(float(values[index])) / most)
        rows.append(new)
    return replace(grid, rows=rows)


def _weak(result: ResultSet, values: tuple[Any, ...]) -> list[int]:
    columns, kinds = result.columns, result.kinds
    weak = []
    if _WEAK_BRANCH in columns:
        index = columns.index(_WEAK_BRANCH)
        name = values[index]
        if name not in (None, _TIE):
            weak += [index, *(place for place, column in enumerate(columns) if column == name and column in kinds)]
    if _MEAN_GAP in columns:
        index = columns.index(_MEAN_GAP)
        if index > 1 and _is_finite(values[index]) and values[index]:
            weak.append(index - 2 if values[index] > 0 else index - 1)
    return weak


def _is_gap(result: ResultSet, name: str) -> bool:
    return result.kinds.get(name) == "gap" and len(result) > 1


def _largest(result: ResultSet, index: int) -> float:
    return max((abs(float(row[index])) for row in result.rows if _is_finite(row[index])), default=0.0)


def _is_finite(value: Any) -> bool:
    return value is not None and not isinstance(value, str) and math.isfinite(value)
