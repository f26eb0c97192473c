"""The section *paper*: a row a branch of a setting's series, its seeds put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from independent.cells import branch_auroc
from independent.intervals import bounds, terms_of
from independent.summaries import mean_over_cells

if TYPE_CHECKING:
    import pandas as pd

    from independent.logged import Logged

SERIES = ["task", "experiment", "method", "variant", "branch", "dataset", "k_shot"]


def paper(numbers: pd.DataFrame, logged: Logged) -> list[dict[str, Any]]:
    """Means over categories, seeds averaged first; std over the seeds' means of the categories that all of them have."""
    aurocs = branch_auroc(numbers)
    rows = []
    for key, group in aurocs.groupby(SERIES):
        defined = group[group.value.notna()]
        if not len(defined):
            continue
        seeds = set(defined.seed)
        complete = defined[defined.groupby("category").seed.transform("size") == len(seeds)]
        by_seed = complete.groupby("seed").value.mean()
        rows.append({
            **dict(zip(SERIES, key, strict=True)),
            "seeds": len(seeds),
            "cells": len(defined),
            "mean": mean_over_cells(defined, ["value"], ["category"])["value"],
            "std_leaves_out": len(set(defined.category) - set(complete.category)),
            "std": by_seed.std(ddof=1),
            **bounds(logged, terms_of(defined, str(key[4]), over=["category"]), "mean"),
        })  # fmt: skip
    return rows
