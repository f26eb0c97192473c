"""The sections *gate* and *gate-picks*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from independent.cells import CELL, PAIR
from independent.databases import GATES
from independent.summaries import mean_over_cells

if TYPE_CHECKING:
    import pandas as pd

    from independent.databases import Logged

Row = dict[str, Any]
FIXED = ("max", "harmonic", "mean")
_KEYS = ["run_id", "category"]


def gate_cells(numbers: pd.DataFrame, shown: pd.DataFrame) -> pd.DataFrame:
    """One row a shown cell and gate: the latest run that has it and max, else its latest; the other branches of that run as
    columns.
    """
    found = numbers[numbers.branch.isin(GATES)].merge(shown[CELL], on=CELL)
    with_max = numbers[numbers.branch == "max"][_KEYS].assign(has_max=True)
    found = found.merge(with_max, on=_KEYS, how="left").fillna({"has_max": False})
    own = found.sort_values(["has_max", "order"], ascending=False, kind="stable").drop_duplicates([*CELL, "branch"])
    others = numbers.pivot_table(index=_KEYS, columns="branch", values="value")
    others = others.reindex(columns=[*PAIR, *FIXED, "oracle"]).reset_index()
    return own.merge(others, on=_KEYS, how="left")


def gates(cells: pd.DataFrame) -> list[Row]:
    """The section *gate*."""
    return [_gate(group) | {"task": key[0], "gate": key[1]} for key, group in cells.groupby(["task", "branch"])]


def _gate(cells: pd.DataFrame) -> Row:
    counted = cells[cells.value.notna() & cells["max"].notna()]
    row: Row = {"cells": len(counted), "left_out": len(cells) - len(counted)}
    if not len(counted):
        return row | {"best_fixed": None, "gate_mean": None, "oracle_upper_bound": None}
    means = mean_over_cells(counted, ["value", *FIXED, "oracle"])
    complete = [rule for rule in FIXED if counted[rule].notna().all()]
    best = max(complete, key=lambda rule: round(means[rule], 12))
    oracle = means["oracle"] if counted.oracle.notna().all() else None
    way = None if oracle is None or oracle - means[best] <= 1e-12 else oracle - means[best]
    gain = means["value"] - means["max"]
    return row | {
        "best_fixed": best, "best_fixed_mean": means[best], "gate_mean": means["value"], "oracle_upper_bound": oracle,
        "way_covered": None if way is None else (means["value"] - means[best]) / way, "gain_over_max": gain,
        "cells_above_max": int((counted.value > counted["max"]).sum()), "beats_max": gain > 1e-12,
    }  # fmt: skip


def picks(logged: Logged, cells: pd.DataFrame) -> list[Row]:
    """The section *gate-picks*."""
    found = cells.merge(logged.shares, on=[*_KEYS, "branch"]).assign(gap=lambda frame: frame.memory - frame.semantic)
    rows = []
    for key, group in found.groupby(["task", "branch", "dataset", "category"]):
        means = mean_over_cells(group, ["share", "gap"])
        rows.append({
            **dict(zip(("task", "gate", "dataset", "category"), key, strict=True)), "cells": len(group),
            "semantic_share": means["share"], "memory_share": 1 - means["share"], "mean_gap": means["gap"],
        })  # fmt: skip
    return rows
