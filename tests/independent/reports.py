"""Every section of a report, from the runs alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from independent import fusions, gates, paper, significance, summaries, variants
from independent.cells import NO_SEED, PAIR, fused_of, numbers_of, pairs_of, runs_of, shown_of
from independent.cost import cost
from independent.intervals import bounds, less, terms_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from independent.cells import Wanted
    from independent.logged import Logged

Row = dict[str, Any]
PLACE = ("dataset", "category", "k_shot", "seed", "task")
_MEANS = ("semantic_mean", "memory_mean", "mean_gap")
_CELL = ("semantic", "memory", "gap")
KEYS = {
    "summary": ("task",), "datasets": ("dataset", "task"), "k-shot": ("k_shot", "task"), "compare": ("task",),
    "worst": ("experiment", *PLACE), "categories": ("dataset", "category", "task"), "fusion": ("task", "rule"),
    "variants": ("task", "dataset", "variant", "branch"), "repairs": ("experiment", "method", "variant", *PLACE),
    "gate": ("task", "gate"), "gate-picks": ("task", "gate", "dataset", "category"), "cost": ("task", "dataset"),
    "significance": ("task", "branch", "against"), "paper": tuple(paper.SERIES),
}  # fmt: skip
"""The columns that tell the rows of a section apart."""


def sections(logged: Logged, wanted: Wanted) -> dict[str, list[Row]]:
    """The rows of every section, by its name; none at all where one of the branches has no number."""
    numbers = numbers_of(logged, wanted)
    if not set(wanted.branches) <= set(numbers.branch):
        return {}
    shown = shown_of(pairs_of(numbers, wanted.branches))
    fused = fused_of(numbers, shown, wanted.branches)
    reference = variants.reference_of(runs_of(logged, wanted))
    gate_cells = gates.gate_cells(numbers)
    return _of_pairs(logged, shown, wanted.branches) | {
        "fusion": fusions.gains(fused, ["task"], wanted.branches, logged),
        "variants": variants.variants(numbers, reference, wanted.branches, logged),
        "repairs": variants.repairs(numbers, reference, wanted.branches),
        "gate": gates.gates(gate_cells),
        "gate-picks": gates.picks(logged, gate_cells),
        "cost": cost(logged, numbers, shown_of(pairs_of(numbers))),
        "significance": significance.significance(logged, shown, fused, wanted.branches),
        "paper": paper.paper(numbers, logged),
    }


def _of_pairs(logged: Logged, shown: pd.DataFrame, branches: tuple[str, str]) -> dict[str, list[Row]]:
    means = {
        "summary": summaries.summaries(shown, ["task"]),
        "datasets": summaries.summaries(shown, ["dataset", "task"]),
        "k-shot": summaries.summaries(shown, ["k_shot", "task"]),
        "compare": summaries.compared_tasks(shown),
    }
    single = {"worst": summaries.cells(shown), "categories": summaries.categories(shown, branches)}
    made = {name: with_intervals(logged, rows, shown, KEYS[name], branches, _MEANS) for name, rows in means.items()}
    return made | {name: with_intervals(logged, rows, shown, KEYS[name], branches) for name, rows in single.items()}


def with_intervals(
    logged: Logged, rows: list[Row], pairs: pd.DataFrame, by: Sequence[str], branches: tuple[str, str] = PAIR,
    names: tuple[str, str, str] = _CELL,
) -> list[Row]:  # fmt: skip
    """Rows of pairs with the intervals of the columns of both branches and of the gap."""
    defined = dict(list(pairs[pairs.gap.notna()].groupby(list(by))))
    made = []
    for row in rows:
        cells = defined.get(tuple(NO_SEED if row[name] is None else row[name] for name in by), pairs[:0])
        a, b = terms_of(cells, branches[0], "_a"), terms_of(cells, branches[1], "_b")
        found = bounds(logged, a, names[0]) | bounds(logged, b, names[1])
        made.append(row | found | bounds(logged, [*b, *less(a)], names[2], difference=True))
    return made
