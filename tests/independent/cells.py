"""What a cell is: the number of a branch, the pair of two branches, a fusion beside its pair, and what a report shows.

A setting is (experiment, method, variant, dataset, K, seed, task), a cell a category of it. Numbers are those of the latest
run, also where they are undefined (NaN here).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from independent.logged import Logged

SETTING = ["experiment", "method", "variant", "dataset", "k_shot", "seed", "task"]
CELL = [*SETTING, "category"]
SHOWN = [
    "experiment",
    "dataset",
    "category",
    "k_shot",
    "seed",
    "task",
]  # a cell of a report, whatever method and variant
OVER_SEEDS = ["experiment", "dataset", "category", "k_shot", "task"]
NO_SEED = -1
PAIR = ("semantic", "memory")
_NEARLY = 0.999999


@dataclass(frozen=True)
class Wanted:
    """What a reader asks for."""

    experiments: tuple[str, ...] | None = None
    tasks: tuple[str, ...] | None = None
    datasets: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    variants: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    k_shots: tuple[int, ...] | None = None
    seeds: tuple[int, ...] | None = None
    run_ids: tuple[str, ...] | None = None
    branches: tuple[str, str] = PAIR
    provenance: str = "best"


def runs_of(logged: Logged, wanted: Wanted = Wanted()) -> pd.DataFrame:
    """The runs asked for, numbered in the order of their time and id."""
    runs = logged.runs.sort_values(["created_at", "run_id"]).reset_index(drop=True)
    runs = runs.assign(order=runs.index, seed=[NO_SEED if pd.isna(seed) else int(seed) for seed in runs.seed])
    filters = {
        "experiment": wanted.experiments, "task": wanted.tasks, "dataset": wanted.datasets, "method": wanted.methods,
        "variant": wanted.variants, "k_shot": wanted.k_shots, "seed": wanted.seeds, "run_id": wanted.run_ids,
    }  # fmt: skip
    for column, values in filters.items():
        runs = runs if values is None else runs[runs[column].isin(values)]
    return runs


def numbers_of(logged: Logged, wanted: Wanted = Wanted()) -> pd.DataFrame:
    """One row a run, category and branch: the exact AUROC where it has a value, else the reported one, else NaN."""
    kinds = ["exact", "reported"] if wanted.provenance == "best" else [wanted.provenance]
    entries = logged.numbers[logged.numbers.provenance.isin(kinds)]
    if wanted.categories is not None:
        entries = entries[entries.category.isin(wanted.categories)]
    entries = entries.assign(value=entries.value.astype(float), undefined=entries.value.isna())
    entries = entries.sort_values(["undefined", "provenance"], kind="stable")
    best = entries.drop_duplicates(["run_id", "category", "branch"]).drop(columns="undefined")
    return best.merge(runs_of(logged, wanted), on="run_id")


def seed_of(seed: Any) -> Any:
    """A seed as it is reported."""
    return None if seed == NO_SEED else seed


def latest(numbers: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Of the rows of one key that of the latest run."""
    return numbers.sort_values("order", ascending=False, kind="stable").drop_duplicates(keys)


def branch_auroc(numbers: pd.DataFrame) -> pd.DataFrame:
    """One row a cell and branch."""
    return latest(numbers, [*CELL, "branch"])


def stacked(*frames: pd.DataFrame) -> pd.DataFrame:
    """The rows of all frames."""
    return pd.concat([frame for frame in frames if len(frame)] or [frames[0]])


def within(difference: Any, *precisions: Any) -> Any:
    """Whether a difference is none, or below the precision of the less precise of two numbers."""
    return (difference == 0) | (np.abs(difference) < np.maximum(*precisions) * _NEARLY)


def pairs_of(numbers: pd.DataFrame, branches: tuple[str, str] = PAIR) -> pd.DataFrame:
    """One row a cell that has either of two branches, with columns ``_a`` and ``_b``: those of the latest run that has both,
    else the latest of each.
    """
    sides = [numbers[numbers.branch == branch] for branch in branches]
    own = ["run_id", "value", "provenance", "precision", "order"]
    both = sides[0].merge(sides[1][["category", *own]], on=["run_id", "category"], suffixes=("_a", "_b"))
    both = both.assign(run_id_a=both.run_id, run_id_b=both.run_id, order=both.order_a)
    one_run = latest(both, CELL).assign(of_two_runs=False)
    each = [latest(side, CELL)[[*CELL, *own]] for side in sides]
    apart = each[0].merge(each[1], on=CELL, how="outer", suffixes=("_a", "_b"))
    known = pd.MultiIndex.from_frame(one_run[CELL])
    apart = apart[~pd.MultiIndex.from_frame(apart[CELL]).isin(known)]
    apart = apart.assign(of_two_runs=apart.run_id_a.notna() & apart.run_id_b.notna())
    columns = [*CELL, *(f"{name}_{side}" for side in "ab" for name in own), "of_two_runs"]
    return _with_gap(stacked(one_run[columns], apart[columns]), branches).reset_index(drop=True)


def _with_gap(pairs: pd.DataFrame, branches: tuple[str, str]) -> pd.DataFrame:
    gap = (pairs.value_b - pairs.value_a).astype(float)
    tie = within(gap, pairs.precision_a, pairs.precision_b)
    weak = np.where(gap.isna(), None, np.where(tie, "tie", np.where(gap > 0, branches[0], branches[1])))
    alike = pairs.provenance_a == pairs.provenance_b
    has_both = pairs.run_id_a.notna() & pairs.run_id_b.notna()
    return pairs.assign(
        gap=gap,
        abs_gap=gap.abs(),
        weak_branch=weak,
        provenance=np.where(alike, pairs.provenance_a, "mixed"),
        has_both=has_both,
        order=pairs[["order_a", "order_b"]].max(axis=1),
    )


def shown_of(pairs: pd.DataFrame) -> pd.DataFrame:
    """Of the methods and variants of a cell the one that a report shows: with both branches, baseline, the latest."""
    ranked = pairs.assign(baseline=pairs.variant == "baseline")
    ranked = ranked.sort_values(["has_both", "baseline", "order"], ascending=False, kind="stable")
    return ranked.drop_duplicates(SHOWN).drop(columns="baseline").reset_index(drop=True)


def fused_of(numbers: pd.DataFrame, pairs: pd.DataFrame, branches: tuple[str, str] = PAIR) -> pd.DataFrame:
    """One row a cell of ``pairs`` and other branch of it, with the pair that it is compared with: the latest run that has all
    three, else the latest of the fusion beside the pair as it is.
    """
    rules = numbers[~numbers.branch.isin(branches)]
    sides = [numbers[numbers.branch == branch] for branch in branches]
    own = ["value", "precision"]
    three = rules.merge(sides[0][["run_id", "category", *own]], on=["run_id", "category"], suffixes=("", "_a"))
    three = three.merge(sides[1][["run_id", "category", *own]], on=["run_id", "category"], suffixes=("", "_b"))
    three = latest(three, [*CELL, "branch"])
    three = three.assign(run_id_a=three.run_id, run_id_b=three.run_id, several_runs=False)
    three = three.merge(pairs[CELL], on=CELL)
    known = pd.MultiIndex.from_frame(three[[*CELL, "branch"]])
    alone = latest(rules, [*CELL, "branch"])
    alone = alone[~pd.MultiIndex.from_frame(alone[[*CELL, "branch"]]).isin(known)]
    pair = pairs[[*CELL, *(f"{name}_{side}" for side in "ab" for name in ("run_id", *own))]]
    alone = alone.merge(pair, on=CELL).assign(several_runs=True)
    fused = stacked(three, alone)
    return fused[fused.value.notna() & fused.value_a.notna() & fused.value_b.notna()].reset_index(drop=True)
