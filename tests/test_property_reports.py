"""Random databases: every section, view, comparison and audit against an independent computation with pandas."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from independent.cells import CELL, PAIR, SHOWN, branch_auroc, fused_of, numbers_of, pairs_of, runs_of
from independent.databases import random_database
from independent.holding import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from independent.logged import Logged

COUNT = "PROPERTY_DATABASES"  # set it for more than a few: 200 take about a quarter of an hour
FEW, SOME = 3, 12
SEEDS = [
    pytest.param(seed, marks=() if seed < FEW else pytest.mark.slow) for seed in range(int(os.environ.get(COUNT, SOME)))
]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Logged]:
    """The database of a seed, made once for all tests."""
    return cache(lambda seed: random_database(seed, tmp_path_factory.mktemp("property")))


@pytest.mark.parametrize("seed", SEEDS)
def test_everything_that_is_reported_is_what_pandas_makes_of_the_same_runs(seed, database):
    found = [f"seed {seed}: {difference}" for difference in differences(database(seed), seed)]
    assert not found, "\n".join(found)


def test_a_few_databases_hold_all_that_could_make_answers_differ(database):
    found = {kind for seed in range(FEW) for kind in kinds(database(seed))}
    assert found == {
        "a pair of two runs", "a pair of a run with an older rerun", "a latest run without a number", "a branch alone",
        "a gap within the precision", "a cell of several methods or variants", "a fusion of an older run than its pair",
        "a fusion beside another run", "unequal seeds", "an exact number beside a reported one", "an estimate beside a truth",
        "a perfect AUROC", "one class", "other images", "runs of one time", "a run without a seed",
    }  # fmt: skip


def kinds(logged: Logged) -> Iterator[str]:
    """What there is in a database, of all that a wrong definition could get wrong."""
    runs = runs_of(logged)
    numbers = numbers_of(logged)
    pairs, aurocs = pairs_of(numbers), branch_auroc(numbers)
    fused = fused_of(numbers, pairs).merge(pairs[[*CELL, "run_id_a"]], on=CELL, suffixes=("", "_pair"))
    older = numbers.merge(aurocs[[*CELL, "branch", "order", "value"]], on=[*CELL, "branch"], suffixes=("", "_latest"))
    older = older[older.order < older.order_latest]
    kinds_of_number = logged.numbers.groupby(["run_id", "category", "branch"]).provenance.agg(set)
    categories = aurocs.groupby(["experiment", "method", "variant", "dataset", "k_shot", "task", "branch", "category"])
    there = {
        "a pair of two runs": pairs.of_two_runs,
        "a pair of a run with an older rerun": older.branch.isin(PAIR),
        "a latest run without a number": older.value_latest.isna() & older.value.notna(),
        "a branch alone": ~pairs.has_both,
        "a gap within the precision": (pairs.weak_branch == "tie") & (pairs.gap != 0),
        "a cell of several methods or variants": pairs.duplicated(SHOWN),
        "a fusion of an older run than its pair": ~fused.several_runs & (fused.run_id_a != fused.run_id_a_pair),
        "a fusion beside another run": fused.several_runs,
        "unequal seeds": categories.seed.agg(lambda seeds: len(set(seeds)))
        .groupby(level=list(range(7)))
        .agg(lambda counts: len(set(counts)) > 1),
        "an exact number beside a reported one": kinds_of_number.map({"exact", "reported"}.issubset),
        "an estimate beside a truth": kinds_of_number.map(lambda kinds: "approx" in kinds and len(kinds) > 1),
        "a perfect AUROC": aurocs.value == 1,
        "one class": logged.numbers[logged.numbers.provenance == "exact"].value.isna(),
        "other images": pd.Series(scores.images[0] != "test/000.png" for scores in logged.scored.values()),
        "runs of one time": runs.created_at.duplicated(),
        "a run without a seed": runs.seed < 0,
    }
    return (kind for kind, rows in there.items() if rows.any())
