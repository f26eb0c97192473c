"""The section *paper*: a row a branch of a setting's series, its seeds put together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from independent.cells import branch_auroc

if TYPE_CHECKING:
    import pandas as pd

SERIES = ["task", "experiment", "method", "variant", "branch", "dataset", "k_shot"]


def paper(numbers: pd.DataFrame) -> list[dict[str, Any]]:
    """Means over categories, seeds averaged first; std over the seeds' means of the categories that all of them have."""
    aurocs = branch_auroc(numbers)
    rows = []
    for key, group in aurocs.groupby(SERIES):
        defined = group[group.value.notna()]
        if not len(defined):
            continue
        by_seed = defined.pivot_table(index="category", columns="seed", values="value").dropna()
        several = by_seed.shape[1] > 1 and len(by_seed)
        rows.append({
            **dict(zip(SERIES, key, strict=True)),
            "seeds": defined.seed.nunique(),
            "cells": len(defined),
            "mean": defined.groupby("category").value.mean().mean(),
            "std_leaves_out": defined.category.nunique() - len(by_seed),
            "std": by_seed.mean().std(ddof=1) if several else None,
        })  # fmt: skip
    return rows
