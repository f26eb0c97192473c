"""Columns with 95 % intervals beside the AUROCs, means and differences of a section.

An interval is about the test images: where another sample of images would put the number. It says nothing of other shots,
seeds or categories. A number over cells has one where every one of its cells has scores in the database.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from promptad_db.db.engine.query import fetch
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.db.queries.contrasts import contrasts
from promptad_db.db.queries.selection import DECIMALS, branch_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from promptad_db.db.queries.contrasts import Contrast, Key
    from promptad_db.db.queries.selection import Filters
    from promptad_db.result_set import ResultSet, Section

NOTE = "[low, high] and *_ci_low, *_ci_high: 95 % intervals over the sampling of test images, not of shots, seeds or categories"

_ROUNDED = 1e-11
_DIGITS_OF_P = 9


@dataclass(frozen=True)
class Columns:
    """How a section is matched with its contrasts: the .sql file, the columns of the key, and the contrast of each column."""

    file: str
    key: tuple[str, ...]
    of: Mapping[str, str]

    def key_of(self, record: Mapping[str, Any]) -> Key:
        """The key of the contrasts of a row."""
        return tuple("" if record[name] is None else str(record[name]) for name in self.key)


_MEANS = {"semantic_mean": "semantic", "memory_mean": "memory", "mean_gap": "gap"}
_CELL = {"semantic": "semantic", "memory": "memory", "gap": "gap"}
_GAINS = {name: name for name in ("mean", "gain_over_better_branch", "gain_over_memory")}
_SIDES = {"mean_a": "a", "mean_b": "b", "a": "a", "b": "b", "delta": "delta"}

COLUMNS = {
    "summary": Columns("pairs", ("task",), _MEANS),
    "compare": Columns("pairs", ("task",), _MEANS),
    "datasets": Columns("pairs", ("task", "dataset"), _MEANS),
    "k-shot": Columns("pairs", ("task", "k_shot"), _MEANS),
    "categories": Columns("pairs", ("task", "dataset", "category"), _CELL),
    "worst": Columns("pairs", ("task", "dataset", "category", "k_shot", "seed", "experiment"), _CELL),
    "cells": Columns("pairs", ("task", "dataset", "category", "k_shot", "seed", "experiment"), _CELL),
    "fusion": Columns("fusion", ("task", "rule"), _GAINS),
    "variants": Columns(
        "variants",
        ("task", "dataset", "variant", "branch"),
        {name: name for name in ("mean", "reference_mean", "delta")},
    ),
    "paper": Columns(
        "paper", ("task", "experiment", "method", "variant", "branch", "dataset", "k_shot"), {"mean": "mean"}
    ),
}
SIDES = {
    "totals": Columns("sides", ("task", "branch"), _SIDES),
    "categories": Columns("sides", ("task", "branch", "dataset", "category"), _SIDES),
}


def with_intervals(connection: sa.Connection, section: Section, filters: Filters, **parameters: Any) -> Section:
    """The section with two more columns behind each that has intervals, as fractions; as it is where it has none."""
    if section.name not in COLUMNS:
        return section
    columns = COLUMNS[section.name]
    given = {"section": "worst" if section.name == "cells" else section.name, **parameters}
    if columns.file == "pairs":
        shown = [row["abs_gap"] for row in section.result.records()] if section.name == "worst" else []
        given["least"] = min(shown, default=0.0) - _ROUNDED  # no intervals of cells that are not shown
    scored = fetch(connection, load_sql("contrasts", "any_scored").sql).rows[0][0]
    found = dict(contrasts(connection, columns.file, filters, **given)) if scored else {}
    return add_intervals(section, columns, found, filters)


def add_intervals(section: Section, columns: Columns, found: Mapping[Key, Contrast], filters: Filters) -> Section:
    """As ``with_intervals``, of contrasts that are there already."""
    result = section.result
    names = branch_names(tuple(columns.of), filters.branches)
    for column, contrast in ((names.get(column, column), name) for column, name in columns.of.items()):
        if column in result.columns:
            of_rows = [found.get((*columns.key_of(record), contrast)) for record in result.records()]
            bounds = [(None, None) if one is None else one.interval() for one in of_rows]
            for end, kind in ((1, "ci_high"), (0, "ci_low")):
                values = [pair[end] for pair in bounds]
                result = _inserted(result, column, f"{column}_{kind}", values, f"{kind}_of:{column}")
    return replace(section, result=result)


def add_p_values(section: Section, columns: Columns, found: Mapping[Key, Contrast]) -> Section:
    """The section with the p value of its delta as the last column; as it is where no delta has one."""
    result = section.result
    of_rows = [found.get((*columns.key_of(record), "delta")) for record in result.records()]
    values = [None if one is None else one.p_value() for one in of_rows]
    if not any(value is not None for value in values):
        return section
    return replace(section, result=_inserted(result, result.columns[-1], "p_value", values, "p"))


def _inserted(result: ResultSet, after: str, name: str, values: Sequence[float | None], kind: str) -> ResultSet:
    behind = result.columns.index(after) + 1
    rounded = [None if value is None else _rounded(value, kind) for value in values]
    return replace(
        result,
        columns=(*result.columns[:behind], name, *result.columns[behind:]),
        rows=[(*row[:behind], value, *row[behind:]) for row, value in zip(result.rows, rounded, strict=True)],
        kinds={**result.kinds, name: kind},
    )


def _rounded(value: float, kind: str) -> float:
    """Without the last digits, which depend on the order in which a database adds; a small p value keeps nine of its own."""
    if kind != "p" or value <= 0:
        return round(value, DECIMALS)
    return round(value, max(DECIMALS, _DIGITS_OF_P - 1 - math.floor(math.log10(value))))
