"""The sections *gate* and *gate-picks*."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from independent.cells import PAIR, SHOWN
from independent.databases import GATES
from independent.summaries import mean_over_cells

if TYPE_CHECKING:
    import pandas as pd

    from independent.logged import Logged

Row = dict[str, Any]
FIXED = ("max", "harmonic", "mean")
_KEYS = ["run_id", "category"]


def gate_cells(numbers: pd.DataFrame) -> pd.DataFrame:
    """One row a cell and gate, of a run that has max of the same calibration too, of baseline, of the latest run; the other
    branches of its run as columns. ``counted``: its AUROC is defined, and that of max wherever it is in any cell.
    """
    found = numbers[numbers.branch.isin(GATES)]
    found = found.assign(baseline=found.variant == "baseline", suffix=found.branch.map(GATES))
    maxima = numbers[numbers.branch.str.startswith("max")].assign(suffix=lambda frame: frame.branch.str[len("max") :])
    maxima = maxima[[*_KEYS, "suffix", "value"]].rename(columns={"value": "max_value"}).assign(has_max=True)
    found = found.merge(maxima, on=[*_KEYS, "suffix"], how="left").fillna({"has_max": False})
    ranked = found.sort_values(["has_max", "baseline", "order"], ascending=False, kind="stable")
    own = ranked.drop_duplicates([*SHOWN, "branch"])
    others = numbers.pivot_table(index=_KEYS, columns="branch", values="value")
    others = others.reindex(columns=sorted({*others.columns, *PAIR})).reset_index()
    any_max = own.groupby(["task", "branch"]).max_value.transform("count") > 0
    counted = own.value.notna() & (own.max_value.notna() | ~any_max)
    return own.assign(counted=counted).merge(others, on=_KEYS, how="left")


def gates(cells: pd.DataFrame) -> list[Row]:
    """The section *gate*."""
    return [
        _gate(group, GATES[key[1]]) | {"task": key[0], "gate": key[1]}
        for key, group in cells.groupby(["task", "branch"])
    ]


def _gate(cells: pd.DataFrame, suffix: str) -> Row:
    counted = cells[cells.counted]
    row: Row = {"cells": len(counted), "left_out": len(cells) - len(counted)}
    if not len(counted):
        return row | dict.fromkeys(["best_fixed", "gate_mean", "oracle_upper_bound", "way_covered", "beats_max"])
    known = [f"{rule}{suffix}" for rule in (*FIXED, "oracle") if f"{rule}{suffix}" in counted]
    means = mean_over_cells(counted, ["value", "max_value", *known])
    complete = [rule for rule in known if counted[rule].notna().all()]
    best = max(
        (rule for rule in complete if "oracle" not in rule), key=lambda rule: round(means[rule], 12), default=None
    )
    oracle = means[f"oracle{suffix}"] if f"oracle{suffix}" in complete else None
    way = None if oracle is None or best is None or oracle - means[best] <= 1e-12 else oracle - means[best]
    gain = means["value"] - means["max_value"]
    return row | {
        "best_fixed": best, "best_fixed_mean": None if best is None else means[best], "gate_mean": means["value"],
        "oracle_upper_bound": oracle, "way_covered": None if way is None else (means["value"] - means[best]) / way,
        "gain_over_max": gain, "cells_above_max": int((counted.value > counted.max_value).sum()),
        "beats_max": None if math.isnan(gain) else gain > 1e-12,
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
