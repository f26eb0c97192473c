"""The sections of pairs: *summary*, *datasets*, *k-shot*, *compare*, *worst*, *categories*; and the views of them."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from independent.cells import OVER_SEEDS, seed_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

Row = dict[str, Any]
_MEANS = {"semantic_mean": "value_a", "memory_mean": "value_b", "mean_gap": "gap", "mean_abs_gap": "abs_gap"}


def mean_over_cells(cells: pd.DataFrame, columns: Sequence[str], over: Sequence[str] = OVER_SEEDS) -> dict[str, float]:
    """The means of some columns: over seeds first, then over whatever else tells the cells apart; what is NaN is left out."""
    keys = list(zip(*(cells[name].tolist() for name in over), strict=True))
    means = {}
    for column in columns:
        groups: dict[tuple[Any, ...], list[float]] = defaultdict(list)
        for key, value in zip(keys, cells[column].tolist(), strict=True):
            if not math.isnan(value):
                groups[key].append(value)
        means[column] = fmean(map(fmean, groups.values())) if groups else math.nan
    return means


def summaries(pairs: pd.DataFrame, by: Sequence[str], over: Sequence[str] = OVER_SEEDS) -> list[Row]:
    """How often each branch is weaker, and means, of the pairs of each group."""
    return [
        dict(zip(by, key, strict=True)) | _summary(group, over) for key, group in pairs.groupby(list(by), sort=False)
    ]


def _summary(pairs: pd.DataFrame, over: Sequence[str]) -> Row:
    defined = pairs[pairs.gap.notna()]
    ties = defined.weak_branch == "tie"
    row: Row = {
        "provenance": _provenance(defined),
        "cells": len(defined),
        "left_out": len(pairs) - len(defined),
        "semantic_weaker": int((~ties & (defined.gap > 0)).sum()),
        "memory_weaker": int((~ties & (defined.gap < 0)).sum()),
        "ties": int(ties.sum()),
    }
    if not len(defined):
        return row | dict.fromkeys([*_MEANS, "median_abs_gap"])
    means = mean_over_cells(defined, list(_MEANS.values()), over)
    row |= {name: means[column] for name, column in _MEANS.items()}
    return row | {"median_abs_gap": median(defined.groupby(list(over)).abs_gap.mean())}


def _provenance(defined: pd.DataFrame) -> str | None:
    counts = defined.provenance.value_counts()
    if len(counts) < 2 and "mixed" not in counts:
        return next(iter(counts.index), None)
    return ", ".join(f"{counts[kind]} {kind}" for kind in ("exact", "reported", "approx", "mixed") if kind in counts)


def compared_tasks(pairs: pd.DataFrame) -> list[Row]:
    """The section *compare*: the summary of both tasks, and the ratio of their gaps."""
    rows = summaries(pairs, ["task"])
    gaps = {row["task"]: row["mean_abs_gap"] for row in rows}
    ratio = gaps["seg"] / gaps["cls"] if gaps.get("cls") and gaps.get("seg") is not None else None
    return [{**row, "abs_gap_ratio": ratio} for row in rows]


def cells(pairs: pd.DataFrame) -> list[Row]:
    """The section *worst*, all of its rows."""
    defined = pairs[pairs.gap.notna()].sort_values("abs_gap", ascending=False)
    names = {"value_a": "semantic", "value_b": "memory"}
    columns = ["experiment", "dataset", "category", "k_shot", "seed", "task", "value_a", "value_b", "gap", "abs_gap",
               "weak_branch", "provenance", "of_two_runs"]  # fmt: skip
    rows = defined[columns].rename(columns=names).to_dict("records")
    return [{**row, "seed": seed_of(row["seed"])} for row in rows]


def categories(pairs: pd.DataFrame, branches: tuple[str, str]) -> list[Row]:
    """The section *categories*: seeds averaged, then K."""
    rows = []
    for (task, dataset, category), group in pairs.groupby(["task", "dataset", "category"]):
        defined = group[group.gap.notna()]
        if not len(defined):
            continue
        means = mean_over_cells(defined, ["value_a", "value_b", "gap"])
        gap = round(means["gap"], 12)  # a branch is weak by more than the last digits of a sum
        kinds = set(defined.provenance)
        rows.append({
            "dataset": dataset, "category": category, "task": task,
            "k_shot": _only(defined.k_shot), "seed": seed_of(_only(defined.seed)),
            "semantic": means["value_a"], "memory": means["value_b"], "gap": gap, "abs_gap": abs(gap),
            "weak_branch": branches[0] if gap > 0 else branches[1] if gap < 0 else "tie",
            "provenance": kinds.pop() if len(kinds) == 1 else "mixed",
        })  # fmt: skip
    return rows


def _only(values: pd.Series) -> Any:
    return values.iloc[0] if len(set(values)) == 1 else None


def cls_vs_seg(pairs: pd.DataFrame) -> list[Row]:
    """The view of this name: the methods and variants that have both tasks."""
    setting = ["experiment", "method", "variant"]
    rows: dict[tuple[str, ...], Row] = {}
    for row in summaries(pairs, [*setting, "task"]):
        key = tuple(row[name] for name in setting)
        columns = ("cells", "semantic_mean", "memory_mean", "mean_abs_gap")
        rows.setdefault(key, {}).update({f"{row['task']}_{name}": row[name] for name in columns})
    made = []
    for key, row in rows.items():
        if not {"cls_cells", "seg_cells"} <= row.keys():
            continue
        gaps = row["cls_mean_abs_gap"], row["seg_mean_abs_gap"]
        ratio = gaps[1] / gaps[0] if gaps[0] and gaps[1] is not None else None
        made.append({**dict(zip(setting, key, strict=True)), **row, "abs_gap_ratio": ratio})
    return made
