"""What a critical-difference diagram draws: how the branches and variants of a method rank over categories."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from independent.cells import OVER_SEEDS, branch_auroc

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
Contender = tuple[str, str]  # its variant and branch
_CATEGORY = ["dataset", "category"]


def rankings(numbers: pd.DataFrame) -> list[Row]:
    """A row a task, method and contender: of those with a number in just the cells of the one with most."""
    aurocs = branch_auroc(numbers)
    aurocs = aurocs[aurocs.value.notna() & ~aurocs.branch.str.startswith("oracle")]
    return [
        dict(zip(("task", "method"), key, strict=True)) | row
        for key, group in aurocs.groupby(["task", "method"])
        for row in _ranked(_comparable(dict(list(group.groupby(["variant", "branch"])))))
    ]


def _comparable(contenders: dict[Contender, pd.DataFrame]) -> dict[Contender, np.ndarray]:
    """The average of each contender in each category, seeds first, then K, to 12 decimals."""
    cells = {
        contender: frozenset(map(tuple, rows[[*OVER_SEEDS, "seed"]].to_numpy()))
        for contender, rows in contenders.items()
    }
    shared_by = Counter(cells.values())
    most = max(shared_by, key=lambda shared: (len(shared), shared_by[shared]))
    return {
        contender: rows.groupby(OVER_SEEDS).value.mean().groupby(_CATEGORY).mean().round(12).to_numpy()
        for contender, rows in contenders.items()
        if cells[contender] == most
    }


def _ranked(aurocs: dict[Contender, np.ndarray]) -> list[Row]:
    blocks, count = len(next(iter(aurocs.values()))), len(aurocs)
    if min(blocks, count) < 2:
        return []
    ranks = stats.rankdata(-np.array(list(aurocs.values())), axis=0)
    critical = stats.studentized_range.ppf(0.95, count, math.inf) * math.sqrt(count * (count + 1) / (12 * blocks))
    means = dict(zip(aurocs, ranks.mean(axis=1), strict=True))
    several = len({variant for variant, _ in aurocs}) > 1
    names = {contender: ": ".join(contender) if several else contender[1] for contender in aurocs}
    shared = {
        "categories": blocks, "critical_difference": critical,
        "p_value": stats.friedmanchisquare(*ranks).pvalue if count > 2 and (ranks != ranks[0]).any() else None,
    }  # fmt: skip
    return [
        {
            "contender": names[contender], "mean_rank": rank, **shared,
            "not_distinguishable": ", ".join(
                names[other] for other, its in means.items() if other != contender and abs(its - rank) < critical
            ) or None,
        }
        for contender, rank in means.items()
    ]  # fmt: skip
