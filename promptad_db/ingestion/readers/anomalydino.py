"""The results of the public AnomalyDINO code (Damm et al., WACV 2025, arXiv 2405.14529; dammsi/AnomalyDINO).

    results_<dataset>/<model>_<resolution>/<K>-shot_preprocess=<how>[_<tag>]/metrics_seed=<seed>.json
    results_<dataset>/<model>_<resolution>/<K>-shot_preprocess=<how>[_<tag>]/time_measurements.csv

``metrics_seed=N.json`` (src/post_eval.py) maps each object to its numbers, fractions as full floats: ``seg_AUROC``,
``seg_AUPRO`` (up to a false positive rate of 0.3) and ``seg_F1`` (the best F1) are pixel level, task ``seg``;
``classification_AUROC``, ``_AP`` and ``_F1`` image level, task ``cls``. The keys ``mean_...`` beside the objects are no
categories. AnomalyDINO compares patches with those of the shots: a memory branch.

``time_measurements.csv`` (run_anomalydino.py) has the columns ``Object, Sample, Anomaly_Score, MemoryBank_Time,
Inference_Time``, one row a test image ``<defect>/<file>``, scores and seconds with five decimals; MemoryBank_Time is the
same for all images of an object. It is written anew for every seed and does not say for which: its scores do, by the
AUROCs that they give. They come in as image scores, with exact numbers of their own.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.reported_cells import (
    DATASETS,
    ReportedCells,
    Setting,
    csv_header,
    csv_rows,
    reported_metric,
    told,
)
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Task
from promptad_db.run_folder.category_checks import check_result
from promptad_db.scoring import score_category
from promptad_db.storage.files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject

KIND = "anomalydino"
BRANCH = "memory"
KEYS: dict[Task, dict[str, str]] = {
    "cls": {"classification_AUROC": "auroc", "classification_AP": "ap", "classification_F1": "f1_max"},
    "seg": {"seg_AUROC": "auroc", "seg_AUPRO": "aupro", "seg_F1": "f1_max"},
}
TIMES = ("Object", "Sample", "Anomaly_Score", "MemoryBank_Time", "Inference_Time")
SAME_SEED = 1e-3  # scores with five decimals move an AUROC by less than this, another seed by more

_SHOTS = re.compile(r"(-?\d{1,6})-shot_preprocess=(.+)", re.DOTALL)
_RESOLUTION = re.compile(r"_\d+$")
_SEED_NAME = re.compile(r"metrics_seed=(\d{1,18})\.json")
_ALL_KEYS = {key for keys in KEYS.values() for key in keys}

Scored = dict[str, CategoryResult]


def recognise(path: Path) -> bool:
    """A JSON of objects with this code's numbers, or a CSV with its columns of scores and times."""
    if path.suffix == ".csv":
        return set(csv_header(path)) >= set(TIMES)
    if path.suffix != ".json":
        return False
    try:
        content = read_json(path)
    except InputError:
        return False
    return isinstance(content, dict) and any(
        isinstance(numbers, dict) and not _ALL_KEYS.isdisjoint(numbers) for numbers in content.values()
    )


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per dataset, model, K, preprocessing, seed and task."""
    cells = ReportedCells(KIND)
    for path in sorted(path for path in paths if path.suffix == ".json"):
        try:
            _read_metrics(path, options, cells, reject)
        except InputError as error:
            reject(path, str(error).removeprefix(f"{path}: "))
    for path in sorted(path for path in paths if path.suffix == ".csv"):
        try:
            _add_scores(path, _read_times(path), options, cells)
        except InputError as error:
            reject(path, str(error))
    yield from cells.runs()


def _read_metrics(path: Path, options: ImportOptions, cells: ReportedCells, reject: Reject) -> None:
    match = _SEED_NAME.fullmatch(path.name)
    setting = _setting(path, options, int(match[1]) if match else options.seed)
    for category, numbers in read_json(path).items():
        if not isinstance(numbers, dict):
            continue
        for task in KEYS:
            try:
                result = _cell(category, numbers, task)
                if result.metrics:
                    cells.add(setting._replace(task=task), result, path)
            except InputError as error:
                reject(path, str(error))


def _cell(category: str, numbers: dict[str, Any], task: Task) -> CategoryResult:
    metrics = [
        reported_metric(LEVEL_OF_TASK[task], BRANCH, metric, numbers[key], where=f"{key} of {category}", precision=0.0)
        for key, metric in KEYS[task].items()
        if key in numbers
    ]
    return CategoryResult(category, metrics=metrics)


def _setting(path: Path, options: ImportOptions, seed: int | None) -> Setting:
    """What the folders of a file tell, or else the options."""
    shots, model, results, above = [*(folder.name for folder in path.resolve().parents), "", "", "", ""][:4]
    match = _SHOTS.fullmatch(shots)
    k_shot, how = (int(match[1]), match[2]) if match else (None, "")
    if k_shot is not None and k_shot < 0:
        k_shot = None  # -1: all training images
    dataset = results.removeprefix("results_") if match and results.startswith("results_") else ""
    return Setting(
        experiment=options.experiment or (above if dataset else "") or KIND,
        method=options.method or "AnomalyDINO",
        variant=f"{model} {how}" if match else "baseline",
        task="cls",
        dataset=told(DATASETS.get(dataset, dataset) or options.dataset, "dataset", "--dataset"),
        k_shot=told(options.k_shot if k_shot is None else k_shot, "K", "--k-shot"),
        seed=seed,
        backbone=_RESOLUTION.sub("", model) if match else "",
        selection="none",
    )


def _read_times(path: Path) -> Scored:
    """The image scores, labels and times of each object."""
    rows: dict[str, list[dict[str, str]]] = {}
    for _, row in csv_rows(path):
        rows.setdefault(row["Object"], []).append(row)
    return {category: _scored(category, found) for category, found in rows.items()}


def _scored(category: str, rows: list[dict[str, str]]) -> CategoryResult:
    columns = {name: np.array([_measured(row, name) for row in rows]) for name in TIMES[2:]}
    images = [row["Sample"] for row in rows]
    defects = [image.split("/")[0] for image in images]
    result = CategoryResult(
        category,
        images=images,
        labels=np.array([defect != "good" for defect in defects], dtype=np.int8),
        defect_types=[None if defect == "good" else defect for defect in defects],
        scores={BRANCH: columns["Anomaly_Score"]},
        timings={
            "memory_bank": float(columns["MemoryBank_Time"].max()),
            "inference": float(columns["Inference_Time"].sum()),
        },
    )
    check_result(result)
    result.metrics = score_category(result, None)
    return result


def _measured(row: dict[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value < 0:
        raise InputError(f"{column} of {row['Object']} {row['Sample']} is {row[column]!r}, not a number")
    return value


def _add_scores(path: Path, scored: Scored, options: ImportOptions, cells: ReportedCells) -> None:
    """Put the scores and times to the reported numbers of the seed that they belong to."""
    setting = _setting(path, options, None)
    beside = sorted(
        {known.seed for known, _ in cells.cells if known._replace(seed=None) == setting}, key=lambda seed: seed or 0
    )
    differences = {seed: _difference(scored, setting._replace(seed=seed), cells) for seed in beside}
    fitting = [seed for seed, difference in differences.items() if difference < SAME_SEED]
    if len(fitting) > 1 or (beside and not fitting):
        raise InputError(
            f"its scores fit {len(fitting) or 'none'} of the seeds {', '.join(map(str, beside))} beside it: "
            "whose times these are is not told"
        )
    seed = fitting[0] if beside else told(options.seed, "seed", "--seed")
    for result in scored.values():
        cells.extend(setting._replace(seed=seed), result, path)


def _difference(scored: Scored, setting: Setting, cells: ReportedCells) -> float:
    """The largest distance between the AUROC of the scores and the reported one, over the objects that both have."""
    pairs = [
        (_auroc(result), _auroc(cells.cells[setting, category]))
        for category, result in scored.items()
        if (setting, category) in cells.cells
    ]
    return max((abs(one - other) for one, other in pairs if one is not None and other is not None), default=math.inf)


def _auroc(result: CategoryResult) -> float | None:
    return next((metric.value for metric in result.metrics if metric.metric == "auroc"), None)
