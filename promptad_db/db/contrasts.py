"""Weighted sums of AUROCs over a selection, and how uncertain the choice of test images leaves them.

A contrast is a difference of branches in a cell, a mean over cells, a mean difference. Cells of one category share their test
images, whatever their K and seed, so the components of an image are added up before they are squared; see uncertainty.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from promptad_db.db.query import execute, fetch
from promptad_db.db.selection import parameters_of
from promptad_db.db.sql_files import load_sql
from promptad_db.uncertainty import (
    Interval,
    Spread,
    Uncertainty,
    auroc_interval,
    difference_interval,
    uncertainty,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from promptad_db.db.selection import Filters

SEPARATOR = "\x1f"
_OF_ONE_CELL = 2
_NO_WEIGHT = 1e-9

Key = tuple[str, ...]

_SPREAD = tuple(field.name for field in fields(Spread))


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of AUROCs, fractions: a mean, or a ``difference``. It is over ``terms`` of them, of which ``placed`` have placements and ``extremes`` are
    exactly 0 or 1. ``paired``: all are of the same test images. ``found`` is None where its uncertainty is unknown: one
    AUROC has no placements, nothing varies, or it is about one cell where an AUROC is exactly 0 or 1.
    """

    value: float
    difference: bool
    terms: int
    placed: int
    extremes: int
    paired: bool
    found: Uncertainty | None

    def interval(self) -> Interval:
        """The 95 % interval; None and None where it is undefined."""
        return (difference_interval if self.difference else auroc_interval)(self.value, self.found)

    def p_value(self) -> float | None:
        """Two-sided, of a difference; None where it cannot be tested."""
        return None if self.found is None else self.found.p_value(self.value)


def contrasts(connection: sa.Connection, name: str, filters: Filters, **parameters: Any) -> dict[Key, Contrast]:
    """The contrasts that sql/contrasts/``name``.sql makes of the selection, by the parts of their keys."""
    query = load_sql("contrasts", name)
    given = {**parameters_of(filters), **parameters}
    connection.exec_driver_sql(load_sql("contrasts", "terms").sql)
    execute(connection, query.sql, **{name: given[name] for name in query.parameters})
    for table in ("units", "components"):
        connection.exec_driver_sql(load_sql("contrasts", table).sql)
    spreads: dict[str, list[tuple[Spread, int, bool]]] = defaultdict(list)
    for row in fetch(connection, load_sql("contrasts", "spreads").sql).records():
        spread = Spread(**{name: row[name] for name in _SPREAD})
        spreads[row["contrast"]].append((spread, row["appearances"], row["task"] == "seg"))
    made = {
        tuple(row["contrast"].split(SEPARATOR)): _contrast(row, spreads[row["contrast"]])
        for row in fetch(connection, load_sql("contrasts", "contrasts").sql).records()
    }
    for table in ("components", "units", "terms"):
        connection.exec_driver_sql(f"DROP TABLE {table}")
    return made


def _contrast(row: dict[str, Any], spreads: list[tuple[Spread, int, bool]]) -> Contrast:
    whole = row["placed"] == row["terms"]
    known = whole and not (row["extremes"] and row["terms"] <= _OF_ONE_CELL)
    difference = abs(row["weight"]) < _NO_WEIGHT
    found = uncertainty(
        (spread for spread, _, _ in spreads), clustered=any(pixels for _, _, pixels in spreads), difference=difference
    )
    return Contrast(
        value=row["value"],
        difference=difference,
        terms=row["terms"],
        placed=row["placed"],
        extremes=row["extremes"],
        paired=whole and len(spreads) == 1 and spreads[0][1] == row["terms"],
        found=found if known else None,
    )
