"""Every view of a database, from the runs alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from independent import audits, fusions, summaries
from independent.cells import CELL, NO_SEED, branch_auroc, fused_of, numbers_of, pairs_of

if TYPE_CHECKING:
    import pandas as pd

    from independent.logged import Logged

Row = dict[str, Any]
_METHOD = ["experiment", "method", "variant"]
_OF_PAIRS = {
    "value_a": "semantic", "value_b": "memory", "gap": "gap", "abs_gap": "abs_gap", "weak_branch": "weak_branch",
    "of_two_runs": "of_two_runs", "run_id_a": "semantic_run_id", "run_id_b": "memory_run_id",
}  # fmt: skip


def views(logged: Logged) -> dict[str, tuple[list[Row], list[str]]]:
    """The rows of each view, and the columns that tell them apart."""
    numbers = numbers_of(logged)
    pairs = pairs_of(numbers)
    aurocs = branch_auroc(numbers).rename(columns={"value": "auroc"})
    branch = [*CELL, "branch"]
    made = {
        "branch_auroc": (_records(aurocs[[*branch, "auroc", "run_id"]]), branch),
        "branch_gap": (_records(pairs[[*CELL, *_OF_PAIRS]].rename(columns=_OF_PAIRS)), CELL),
        "cls_vs_seg": (summaries.cls_vs_seg(pairs), _METHOD),
        "auroc_by_provenance": (audits.by_provenance(logged), audits.ENTRY),
        "approx_audit": (audits.of_runs(logged), audits.ENTRY[:2]),
        "fusion_gain": (fusions.gains(fused_of(numbers, pairs), [*_METHOD, "task"]), [*_METHOD, "task", "rule"]),
    }
    for name, more in (("task", []), ("dataset", ["dataset"]), ("k_shot", ["k_shot"])):
        by = [*_METHOD, *more, "task"]
        made[f"{name}_summary"] = (summaries.summaries(pairs, by), by)
    by = [*_METHOD, "dataset", "category", "k_shot", "task"]
    left_away = ("median_abs_gap", "provenance")
    rows = [{k: v for k, v in row.items() if k not in left_away} for row in summaries.summaries(pairs, by)]
    return made | {"category_summary": (rows, by)}


def _records(frame: pd.DataFrame) -> list[Row]:
    return [
        {name: None if name == "seed" and value == NO_SEED else plain(value) for name, value in row.items()}
        for row in frame.to_dict("records")
    ]


def plain(value: Any) -> Any:
    """A value of pandas or numpy as one of Python, None for NaN."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value
