"""``audit``: estimates from score means beside the true AUROCs of the same cells; and the views of both."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from independent.cells import CELL, PAIR, latest, numbers_of, seed_of
from independent.summaries import mean_over_cells

if TYPE_CHECKING:
    from independent.cells import Wanted
    from independent.logged import Logged

Row = dict[str, Any]
ENTRY = ["run_id", "category", "branch"]
_KINDS = ("exact", "reported", "approx")
_ONE_EXPERIMENT = ["dataset", "category", "k_shot"]
_GAPS = ["gap_estimate", "gap"]
_LEVEL = {"cls": "image", "seg": "pixel"}


def estimated(logged: Logged, wanted: Wanted, numbers: pd.DataFrame, shown: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The shown cells that have a gap and an estimate, by the kind of the estimate; with the AUROC of max of their run."""
    cells = shown[shown.gap.notna()]
    cells = cells.assign(run_id=cells.run_id_a.where(~cells.of_two_runs))
    maxima = numbers[numbers.branch == "max"][["run_id", "category", "value"]].rename(columns={"value": "max_auroc"})
    cells = cells.merge(maxima, on=["run_id", "category"], how="left")
    return {
        "stored": cells.merge(stored_estimates(logged, wanted, cells), on=CELL),
        "computed": computed_estimates(score_means(logged), cells[cells.max_auroc.notna()]),
    }


def stored_estimates(logged: Logged, wanted: Wanted, shown: pd.DataFrame) -> pd.DataFrame:
    """Of each shown cell the latest approx numbers of its setting, columns ``estimate_a`` and ``estimate_b``."""
    numbers = latest(numbers_of(logged, replace(wanted, provenance="approx")), [*CELL, "branch"])
    found = shown[CELL]
    for branch, side in zip(PAIR, "ab", strict=True):
        own = numbers[numbers.branch == branch][[*CELL, "value"]]
        found = found.merge(own.rename(columns={"value": f"estimate_{side}"}), on=CELL)
    return found


def score_means(logged: Logged) -> pd.DataFrame:
    """One row a run, category and level with score means of both branches, none negative and not both 0."""
    means = logged.stats[logged.stats.branch.isin(PAIR)]
    means = means.pivot_table(index=["run_id", "category", "level"], columns="branch", values="mean").dropna()
    means = means.reindex(columns=list(PAIR)).dropna().reset_index()
    return means[(means[list(PAIR)].min(axis=1) >= 0) & (means[list(PAIR)].max(axis=1) > 0)]


def computed_estimates(means: pd.DataFrame, maxima: pd.DataFrame) -> pd.DataFrame:
    """Max AUROC x branch mean / larger branch mean, of rows with ``run_id``, ``category``, ``task`` and ``max_auroc``."""
    found = maxima.assign(level=maxima.task.map(_LEVEL)).merge(means, on=["run_id", "category", "level"])
    larger = found[list(PAIR)].max(axis=1)
    return found.assign(**{
        f"estimate_{side}": found.max_auroc * found[branch] / larger for branch, side in zip(PAIR, "ab", strict=True)
    })  # fmt: skip


def by_provenance(logged: Logged) -> list[Row]:
    """The view ``auroc_by_provenance``."""
    rows = []
    for key, group in logged.numbers.groupby(ENTRY):
        entries = {entry.provenance: entry for entry in group.itertuples()}
        values = {kind: entries[kind].value if kind in entries else None for kind in _KINDS}
        precision = entries["reported"].precision if "reported" in entries else None
        truths = len(entries.keys() & {"exact", "reported"})
        rows.append({**dict(zip(ENTRY, key, strict=True)), **values, "reported_precision": precision, "truths": truths})
    return rows


def of_runs(logged: Logged) -> list[Row]:
    """The view ``approx_audit``: runs and categories with a stored estimate or score means, both branches known."""
    entries = {tuple(row[name] for name in ENTRY): row for row in by_provenance(logged)}
    means = {(cell.run_id, cell.category, cell.level): cell for cell in score_means(logged).itertuples()}
    tasks = dict(zip(logged.runs.run_id, logged.runs.task, strict=True))
    rows = []
    for (run_id, category, branch), semantic in entries.items():
        memory = entries.get((run_id, category, "memory"))
        found = means.get((run_id, category, _LEVEL[tasks[run_id]]))
        if branch != "semantic" or memory is None or (_value(semantic["approx"]) is None and found is None):
            continue
        fused = _truth(entries.get((run_id, category, "max"), {}))
        row: Row = {"run_id": run_id, "category": category}
        for name, own in (("semantic", semantic), ("memory", memory)):
            made = (
                None
                if found is None or fused is None
                else fused * getattr(found, name) / max(found.semantic, found.memory)
            )
            stored = _value(own["approx"])
            row |= {name: _truth(own), f"{name}_estimate": made if stored is None else stored}
        rows.append(row)
    return rows


def _value(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else value


def _truth(entry: Row) -> float | None:
    exact, reported = (_value(entry.get(kind)) for kind in ("exact", "reported"))
    return reported if exact is None else exact


def audited(cells: pd.DataFrame) -> list[Row]:
    """The cells of an audit, of rows that have estimates and a pair."""
    rows = []
    for cell in cells.itertuples():
        guessed = cell.estimate_b - cell.estimate_a
        rows.append({
            "dataset": cell.dataset, "category": cell.category, "k_shot": cell.k_shot, "seed": seed_of(cell.seed),
            "task": cell.task, "semantic_estimate": cell.estimate_a, "semantic": cell.value_a,
            "error_semantic": cell.estimate_a - cell.value_a, "memory_estimate": cell.estimate_b,
            "memory": cell.value_b, "error_memory": cell.estimate_b - cell.value_b, "gap_estimate": guessed,
            "gap": cell.gap, "weak_branch": cell.weak_branch, "max_auroc": cell.max_auroc, "provenance": cell.provenance,
            "weak_branch_estimate": "semantic" if guessed > 0 else "memory" if guessed < 0 else "tie",
        })  # fmt: skip
    return rows


def totals(rows: list[Row]) -> Row:
    """What an audit says of all of its cells."""
    frame = pd.DataFrame(rows)
    errors = frame[["error_semantic", "error_memory"]].abs()
    gaps = frame[_GAPS].round(12)
    several = all(len(set(gaps[name])) > 1 for name in gaps)
    return {
        "cells": len(rows),
        "sign_agreement": float((frame.weak_branch == frame.weak_branch_estimate).mean()),
        "mean_error_semantic": errors.error_semantic.mean(),
        "mean_error_memory": errors.error_memory.mean(),
        "max_error": float(np.max(errors.to_numpy())),
        "rank_correlation": float(stats.spearmanr(gaps.gap_estimate, gaps.gap)[0]) if several else None,
    }


def conclusions(rows: list[Row], gaps: dict[str, float]) -> list[Row]:
    """What the estimates say and what is true: counts as they are printed, gaps and their ratio as numbers. ``gaps`` are the
    mean absolute gaps of whole tasks, which count where a task has no estimate.
    """
    frame = pd.DataFrame(rows)
    made = []
    for task, of_task in frame.groupby("task"):
        groups = [("", of_task), *((f", {dataset}", group) for dataset, group in of_task.groupby("dataset"))]
        made += [_weaker(f"{task}{name}: the weaker branch", group) for name, group in groups]
        guessed, true = (100 * gap for gap in _mean_gaps(of_task))
        made.append({"conclusion": f"{task}: the mean absolute gap", "by_the_estimate": guessed, "in_truth": true})
    means = {task: (gap, gap) for task, gap in gaps.items() if gap}
    means |= {task: _mean_gaps(of_task) for task, of_task in frame.groupby("task")}
    if {"cls", "seg"} <= means.keys() and all(means["cls"]) and all(means["seg"]):
        ratios = [seg / cls for seg, cls in zip(means["seg"], means["cls"], strict=True)]
        ratio = {"by_the_estimate": ratios[0], "in_truth": ratios[1], "flips": (ratios[0] > 1) != (ratios[1] > 1)}
        made.append({"conclusion": "gap of seg over gap of cls", **ratio})
    return made


def _mean_gaps(cells: pd.DataFrame) -> tuple[float, float]:
    means = mean_over_cells(cells[_ONE_EXPERIMENT].join(cells[_GAPS].abs()), _GAPS, _ONE_EXPERIMENT)
    return means["gap_estimate"], means["gap"]


def _weaker(conclusion: str, cells: pd.DataFrame) -> Row:
    answers = []
    for column in ("weak_branch_estimate", "weak_branch"):
        counts = [int((cells[column] == branch).sum()) for branch in PAIR]
        winner = PAIR[int(counts[1] > counts[0])] if counts[0] != counts[1] else "neither"
        answers.append((winner, f"{winner}, in {max(counts)}/{len(cells)} cells"))
    (guess, guessed), (truth, true) = answers
    return {"conclusion": conclusion, "by_the_estimate": guessed, "in_truth": true, "flips": guess != truth}
