"""``compare``: two methods, variants, experiments, runs or branches over the cells that both have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pandas as pd

from independent.cells import (
    CELL,
    SHOWN,
    Wanted,
    branch_auroc,
    numbers_of,
    pairs_of,
    shown_of,
    stacked,
    within,
)
from independent.intervals import bounds, less, spread, terms_of
from independent.summaries import mean_over_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from independent.logged import Logged

Row = dict[str, Any]
_OVER = ["dataset", "category", "k_shot"]
_FILTER = {"run": "run_ids", "experiment": "experiments", "method": "methods", "variant": "variants"}


def both_sides(logged: Logged, wanted: Wanted, kind: str, first: str, second: str) -> pd.DataFrame:
    """One row a cell and branch that both have, with the endings ``_a`` and ``_b``."""
    if kind == "branch":
        numbers = numbers_of(logged, wanted)
        pairs = shown_of(pairs_of(numbers, (first, second))).assign(branch=f"{first}, {second}")
        return pairs.assign(name_a=first, name_b=second)
    sides = [_side(logged, replace(wanted, **{_FILTER[kind]: (name,)})) for name in (first, second)]
    keys = ["task", "branch", "dataset", "category"] + ([] if kind == "run" else ["k_shot", "seed"])
    own = ["run_id", "value", "precision"]
    extra = ["k_shot"] if kind == "run" else []
    both = sides[0][[*keys, *own, *extra]].merge(sides[1][[*keys, *own]], on=keys, suffixes=("_a", "_b"))
    return both.assign(name_a=both.branch, name_b=both.branch)


def _side(logged: Logged, wanted: Wanted) -> pd.DataFrame:
    """One row a cell and branch, of the setting that a report shows; of baseline, else the latest, where it shows none."""
    numbers = numbers_of(logged, wanted)
    shown = shown_of(pairs_of(numbers))
    aurocs = branch_auroc(numbers)
    of_shown = aurocs.merge(shown[CELL], on=CELL)
    rest = aurocs[~pd.MultiIndex.from_frame(aurocs[SHOWN]).isin(pd.MultiIndex.from_frame(shown[SHOWN]))]
    rest = rest.assign(baseline=rest.variant == "baseline").sort_values(["baseline", "order"], ascending=False)
    return stacked(of_shown, rest.drop_duplicates([*SHOWN, "branch"]))


def compared(logged: Logged, both: pd.DataFrame, by: Sequence[str], names: tuple[str, str], *, ci: bool) -> list[Row]:
    """Rows of *totals* or *categories*; ``names`` are those of the means."""
    both = both[both.value_a.notna() & both.value_b.notna()]
    both = both.assign(delta=both.value_b - both.value_a)
    tie = within(both.delta, both.precision_a, both.precision_b)
    both = both.assign(win=~tie & (both.delta > 0), loss=~tie & (both.delta < 0))
    rows = []
    for key, group in both.groupby(list(by)):
        means = mean_over_cells(group, ["value_a", "value_b", "delta"], _OVER)
        rows.append({
            **dict(zip(by, key, strict=True)), "cells": len(group),
            names[0]: means["value_a"], names[1]: means["value_b"], "delta": means["delta"],
            "wins": int(group.win.sum()), "losses": int(group.loss.sum()),
            "ties": int((~group.win & ~group.loss).sum()),
            **(_intervals(logged, group, names) if ci else {}),
        })  # fmt: skip
    return rows


def _intervals(logged: Logged, group: pd.DataFrame, names: tuple[str, str]) -> Row:
    a, b = terms_of(group, group.name_a, "_a", over=_OVER), terms_of(group, group.name_b, "_b", over=_OVER)
    delta = [*b, *less(a)]
    found = spread(logged, delta, difference=True)
    return {
        **bounds(logged, a, names[0]), **bounds(logged, b, names[1]),
        **bounds(logged, delta, "delta", difference=True),
        "p_value": None if found is None else found.p_value(),
    }  # fmt: skip
