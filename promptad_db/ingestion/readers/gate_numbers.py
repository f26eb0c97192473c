"""The numbers of the fork layout: reported AUROCs by score mode, each believed for itself, and estimates among them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.gate_cells import estimate
from promptad_db.ingestion.readers.plausibility import PERCENT, Numbers, fraction
from promptad_db.records import BRANCHES, LEVEL_OF_TASK, TASKS, Metric

if TYPE_CHECKING:
    from collections.abc import Iterable

MODES = (*BRANCHES, "max", "harmonic", "oracle")

AUROCS = ("auroc", "semantic_auroc", "memory_auroc")
RATIO = "oracle_semantic_ratio"
CSV_COLUMNS = {"dataset", "class", "k_shot", "task", "mode", *AUROCS}


def metrics_of_row(row: dict[str, Any], numbers: Numbers) -> tuple[list[Metric], list[str]]:
    """The numbers of a row, and what is wrong with the others."""
    task, mode = row["task"], row["mode"]
    if task not in TASKS or mode not in MODES or not row["class"] or not row["dataset"]:
        raise InputError("has no task (cls, seg), mode, class or dataset that is known")
    if not re.fullmatch(r"[0-9]{1,6}", row["k_shot"]):
        raise InputError(f"k_shot is {row['k_shot']!r}, not a whole number")
    told = [(numbers, "auroc", task, mode, row["auroc"], row)]
    if task == "cls":
        told += [(numbers, f"{branch}_auroc", task, branch, row[f"{branch}_auroc"], {}) for branch in BRANCHES]
    metrics, problems = believed(told)
    if not row["auroc"].strip():
        problems.append(f"the AUROC of mode {mode} is empty")
    for branch in BRANCHES if task == "seg" and mode == "max" else ():
        column = f"{branch}_auroc"
        try:
            value = numbers.fraction(column, row[column], column, "estimate")
        except InputError as error:
            problems.append(str(error))
            continue
        if value is not None:
            metrics.append(estimate(branch, value))
    return metrics, problems


def believed(told: Iterable[tuple[Numbers, str, Any, str, object, dict[str, Any]]]) -> tuple[list[Metric], list[str]]:
    """The reported AUROCs of branches, each given by its file's numbers, column, task, branch, value and row; and what
    is wrong with the others.
    """
    metrics, problems = [], []
    for numbers, column, task, branch, given, row in told:
        try:
            value = numbers.fraction(column, given, f"the AUROC of mode {branch}", "auroc")
            if value is not None:
                metrics.append(_reported(task, branch, value, row))
        except InputError as error:
            problems.append(str(error))
    return metrics, problems


def _reported(task: Any, mode: str, value: float, row: dict[str, Any]) -> Metric:
    branch, note = mode, None
    if mode == "oracle" and task == "seg":
        branch, note = "reported_oracle", "called oracle in its source, where it equals max"
    elif mode == "oracle":
        note = "upper bound: picks a branch per image with the label's help"
        if row.get(RATIO):
            share = fraction(row[RATIO], RATIO, PERCENT) * 100
            note += f"; semantic for {share:.2f} % of the images"
    return Metric(LEVEL_OF_TASK[task], branch, "auroc", value, "reported", note=note)
