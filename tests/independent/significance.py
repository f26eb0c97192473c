"""The section *significance*: tests in cells by their images, and over categories by Wilcoxon's signed ranks."""

from __future__ import annotations

from collections import Counter
from itertools import starmap
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from independent.cells import PAIR, stacked
from independent.intervals import holm, spread

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

    from independent.logged import Logged

Row = dict[str, Any]
_ALPHA = 0.05


def significance(
    logged: Logged, pairs: pd.DataFrame, fused: pd.DataFrame, branches: tuple[str, str] = PAIR
) -> list[Row]:
    """A row a task and pair: memory against semantic, each fusion against memory and against the better branch."""
    differences = stacked(*_differences(pairs, fused, branches))
    return [
        dict(zip(("task", "branch", "against"), key, strict=True)) | _tested(logged, group) | _over_categories(group)
        for key, group in differences.groupby(["task", "branch", "against"])
    ]


def _differences(pairs: pd.DataFrame, fused: pd.DataFrame, branches: tuple[str, str]) -> Iterator[pd.DataFrame]:
    """Frames with a row a cell: the first of a difference in columns without ending, the second with ``_against``."""
    defined = pairs[pairs.gap.notna()]
    own = {"branch": branches[1], "run_id": defined.run_id_b, "value": defined.value_b, "against": branches[0]}
    yield defined.assign(**own, run_id_against=defined.run_id_a, value_against=defined.value_a, name=branches[0])
    memory = {"against": branches[1], "name": branches[1]}
    yield fused.assign(**memory, run_id_against=fused.run_id_b, value_against=fused.value_b)
    first = fused.value_a > fused.value_b
    yield fused.assign(
        against="better branch",
        name=np.where(first, *branches),
        run_id_against=np.where(first, fused.run_id_a, fused.run_id_b),
        value_against=np.where(first, fused.value_a, fused.value_b),
    )


def _tested(logged: Logged, cells: pd.DataFrame) -> Row:
    outcomes = list(starmap(_outcome, ((logged, cell) for cell in cells.itertuples())))
    untested = Counter(outcome for outcome in outcomes if isinstance(outcome, str))
    tested = [outcome for outcome in outcomes if not isinstance(outcome, str)]
    adjusted = holm([p_value for p_value, _ in tested])
    signs = [gain for (_, gain), p_value in zip(tested, adjusted, strict=True) if p_value < _ALPHA]
    return {
        "cells": len(cells), "tested": len(tested), "wins": sum(signs), "losses": len(signs) - sum(signs),
        "ties": len(tested) - len(signs),
        "untested_because": ", ".join(f"{untested[reason]} {reason}" for reason in sorted(untested)) or None,
    }  # fmt: skip


def _outcome(logged: Logged, cell: Any) -> tuple[float, bool] | str:
    """The p value of a cell and whether its difference is a gain, or why there is none."""
    place = cell.task, cell.dataset, cell.category
    one = (1.0, *place, cell.run_id, cell.branch, cell.value)
    other = (-1.0, *place, cell.run_id_against, cell.name, cell.value_against)
    found = spread(logged, [one, other], difference=True)
    if found is None:
        return "without scores"
    if found.extreme:
        return "with an AUROC of exactly 0 or 1"
    if not found.paired:
        return "of other test images"
    p_value = found.p_value()
    return "ranked alike or with one image of a class" if p_value is None else (p_value, found.value > 0)


def _over_categories(cells: pd.DataFrame) -> Row:
    gains = cells.assign(gain=cells.value - cells.value_against)
    by_shots = gains.groupby(["dataset", "category", "k_shot"]).gain.mean()
    values = by_shots.groupby(["dataset", "category"]).mean()
    row: Row = {"categories": len(values), "median_difference": values.median(), "effect_size": None, "p_value": None}
    moved = values.round(12)
    moved = moved[moved != 0]
    if len(moved) > 1:
        ranks = stats.rankdata(moved.abs())
        row["effect_size"] = float((ranks * np.sign(moved)).sum() / ranks.sum())
        every_sign = stats.PermutationMethod(n_resamples=2 ** len(moved))
        row["p_value"] = float(stats.wilcoxon(moved, method=every_sign).pvalue)
    return row
