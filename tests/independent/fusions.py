"""What fusions gain: the section *fusion* and the view ``fusion_gain``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from independent.cells import PAIR
from independent.intervals import bounds, terms_of
from independent.summaries import mean_over_cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from independent.logged import Logged

Row = dict[str, Any]


def gains(
    fused: pd.DataFrame, by: Sequence[str], branches: tuple[str, str] = PAIR, logged: Logged | None = None
) -> list[Row]:
    """The gains of each rule over the better branch and over memory, of the cells of each group; with intervals where the
    scores are given.
    """
    better = np.maximum(fused.value_a, fused.value_b)
    fused = fused.assign(over_better=fused.value - better, over_memory=fused.value - fused.value_b, rule=fused.branch)
    rows = []
    for key, group in fused.groupby([*by, "rule"]):
        means = mean_over_cells(group, ["value", "over_better", "over_memory"])
        rows.append({
            **dict(zip([*by, "rule"], key, strict=True)),
            "cells": len(group),
            "upper_bound": key[-1].startswith("oracle"),
            "cells_of_several_runs": int(group.several_runs.sum()),
            "mean": means["value"],
            "gain_over_better_branch": means["over_better"],
            "gain_over_memory": means["over_memory"],
            "cells_above_memory": int((group.value > group.value_b).sum()),
            **({} if logged is None else _intervals(logged, group, branches)),
        })  # fmt: skip
    return rows


def _intervals(logged: Logged, fused: pd.DataFrame, branches: tuple[str, str]) -> Row:
    own = terms_of(fused, fused.branch)
    first = fused.value_a > fused.value_b
    better = fused.assign(
        run_id_c=np.where(first, fused.run_id_a, fused.run_id_b), value_c=np.where(first, fused.value_a, fused.value_b)
    )
    return {
        **bounds(logged, own, "mean"),
        **bounds(
            logged, [*own, *terms_of(better, np.where(first, *branches), "_c", -1)], "gain_over_better_branch",
            difference=True,
        ),
        **bounds(
            logged, [*own, *terms_of(fused, branches[1], "_b", -1)], "gain_over_memory", difference=True
        ),
    }  # fmt: skip
