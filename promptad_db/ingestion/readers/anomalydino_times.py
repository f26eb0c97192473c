"""AnomalyDINO's image scores and times, object by object: what one of them lacks costs none of the others."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.columns import LABELS
from promptad_db.ingestion.readers.plausibility import is_mean, label_note
from promptad_db.ingestion.readers.table_files import csv_rows
from promptad_db.records import CategoryResult
from promptad_db.run_folder.category_checks import check_result
from promptad_db.scoring import score_category

if TYPE_CHECKING:
    from pathlib import Path

    from promptad_db.ingestion.readers.imported import Reject

BRANCH = "memory"
TIMES = ("Object", "Sample", "Anomaly_Score", "MemoryBank_Time", "Inference_Time")
_LABEL, _GOOD = "Label", "good"
COLUMNS = (*TIMES, _LABEL)

Scored = dict[str, CategoryResult]


def read_times(path: Path, reject: Reject) -> tuple[Scored, list[str]]:
    """The image scores, labels and times of each object, and what to say about its labels."""
    rows: dict[str, list[dict[str, str]]] = {}
    for _, row in csv_rows(path, COLUMNS):
        if not is_mean(row["Object"]):
            rows.setdefault(row["Object"], []).append(row)
    scored: Scored = {}
    notes: list[str] = []
    for category, found in rows.items():
        try:
            scored[category], problems = _scored(category, found)
        except InputError as error:
            problems = [f"{error}; {category} is left out"]
        else:
            notes += label_note(path, scored[category])
        if problems:
            reject(path, "; ".join(problems))
    return scored, notes


def _scored(category: str, rows: list[dict[str, str]]) -> tuple[CategoryResult, list[str]]:
    images = [row["Sample"] for row in rows]
    defects = [image.split("/")[0] for image in images]
    labels = _labels(rows)
    if labels is None:
        labels = [int(defect != _GOOD) for defect in defects]
    result = CategoryResult(
        category,
        images=images,
        labels=np.array(labels, dtype=np.int8),
        defect_types=[None if defect == _GOOD else defect for defect in defects],
        scores={BRANCH: np.array([_measured(row, "Anomaly_Score") for row in rows])},
    )
    problems = []
    for stage, column, of in (("memory_bank", "MemoryBank_Time", max), ("inference", "Inference_Time", math.fsum)):
        try:
            result.timings[stage] = of([_measured(row, column) for row in rows])
        except InputError as error:
            problems.append(str(error))
    check_result(result)
    result.metrics = score_category(result, None)
    return result, problems


def _labels(rows: list[dict[str, str]]) -> list[int] | None:
    """The labels that the file itself tells, None where it tells none."""
    texts = [row.get(_LABEL, "").strip().lower() for row in rows]
    if not any(texts):
        return None
    labels = [LABELS.get(text) for text in texts]
    for row, label in zip(rows, labels, strict=True):
        if label is None:
            raise InputError(
                f"{_LABEL} of {row['Object']} {row['Sample']} is {row[_LABEL]!r}, not 0 (normal) or 1 (anomalous)"
            )
    return [label for label in labels if label is not None]


def _measured(row: dict[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{column} of {row['Object']} {row['Sample']} is {row[column]!r}, not a number")
    return value
