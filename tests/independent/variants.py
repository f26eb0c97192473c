"""Each variant against a reference: the sections *variants* and *repairs*."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from independent.cells import CELL, branch_auroc, pairs_of, seed_of, within
from independent.intervals import bounds, less, terms_of
from independent.summaries import mean_over_cells

if TYPE_CHECKING:
    import pandas as pd

    from independent.logged import Logged

Row = dict[str, Any]
_FUSIONS = ("max", "harmonic")
WEAK = 0.05
_TRIAL = [name for name in CELL if name != "variant"]
_OVER = ["experiment", "method", "dataset", "category", "k_shot", "task"]


def reference_of(runs: pd.DataFrame) -> str:
    """Baseline where it ran, else the variant that ran first."""
    if "baseline" in set(runs.variant):
        return "baseline"
    return str(runs.sort_values("order").variant.iloc[0])


def variants(numbers: pd.DataFrame, reference: str, branches: tuple[str, str], logged: Logged) -> list[Row]:
    """The section *variants*."""
    aurocs = branch_auroc(numbers[numbers.branch.isin([*branches, *_FUSIONS])])
    repairs = weak_cells(numbers, reference, branches)
    rows = []
    for (task, dataset, variant, branch), own in aurocs.groupby(["task", "dataset", "variant", "branch"]):
        if variant == reference or not own.value.notna().any():
            continue
        there = aurocs[(aurocs.variant == reference) & (aurocs.branch == branch) & (aurocs.task == task)]
        there = there[there.dataset == dataset]
        row = {"task": task, "dataset": dataset, "variant": variant, "branch": branch}
        rows.append(row | _against(logged, branch, own, there) | _repaired(repairs, row, branches[0]))
    return rows


def _against(logged: Logged, branch: str, own: pd.DataFrame, reference: pd.DataFrame) -> Row:
    own, reference = own[own.value.notna()], reference[reference.value.notna()]
    both = own.merge(reference, on=_TRIAL, suffixes=("", "_reference"))
    row: Row = {"cells": len(both), "left_out": len(own) + len(reference) - 2 * len(both)}
    if not len(both):
        return row | dict.fromkeys(["mean", "reference_mean", "delta", "wins", "ties", "losses"])
    a, b = terms_of(both, branch, "_reference", over=_OVER), terms_of(both, branch, over=_OVER)
    both = both.assign(delta=both.value - both.value_reference)
    tie = within(both.delta, both.precision, both.precision_reference)
    means = mean_over_cells(both, ["value", "value_reference", "delta"], _OVER)
    return row | {
        "mean": means["value"], "reference_mean": means["value_reference"], "delta": means["delta"],
        "wins": int((~tie & (both.delta > 0)).sum()), "ties": int(tie.sum()),
        "losses": int((~tie & (both.delta < 0)).sum()),
        **bounds(logged, a, "reference_mean"), **bounds(logged, b, "mean"),
        **bounds(logged, [*b, *less(a)], "delta", difference=True),
    }  # fmt: skip


def weak_cells(numbers: pd.DataFrame, reference: str, branches: tuple[str, str]) -> pd.DataFrame:
    """One row a variant and cell in which the reference's first branch is weak, with what the variant makes of it."""
    weak = pairs_of(numbers[numbers.variant == reference], branches)
    weak = weak[(weak.gap >= WEAK) & (weak.weak_branch == branches[0])]
    own = branch_auroc(numbers[(numbers.variant != reference) & (numbers.branch == branches[0])])
    own = own[own.value.notna()]
    found = own.merge(weak[[*_TRIAL, "value_a", "value_b", "gap"]], on=_TRIAL)
    left = found.value_b - found.value
    return found.assign(left=left, repaired=left < found.gap / 2)


def _repaired(repairs: pd.DataFrame, row: Row, branch: str) -> Row:
    if row["branch"] != branch:
        return {"weak_cells": None, "repaired": None}
    own = repairs[
        (repairs.task == row["task"]) & (repairs.dataset == row["dataset"]) & (repairs.variant == row["variant"])
    ]
    return {"weak_cells": len(own), "repaired": int(own.repaired.sum())}


def repairs(numbers: pd.DataFrame, reference: str, branches: tuple[str, str]) -> list[Row]:
    """The section *repairs*, all of its rows."""
    found = weak_cells(numbers, reference, branches)
    return [
        {
            "experiment": cell.experiment, "method": cell.method, "variant": cell.variant, "dataset": cell.dataset, "category": cell.category, "k_shot": cell.k_shot,
            "seed": seed_of(cell.seed), "task": cell.task, "reference_semantic": cell.value_a,
            "reference_memory": cell.value_b, "reference_gap": cell.gap, "semantic": cell.value, "gap_left": cell.left,
            "share_closed": (cell.value - cell.value_a) / cell.gap,
        }
        for cell in found[found.repaired].itertuples()
    ]  # fmt: skip
