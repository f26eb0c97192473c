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
AUROCs that they give. They come in as image scores, with exact numbers of their own. Forks call it
``measurements_seed=<seed>.csv``, which tells the seed, and add a column ``Label`` (0 or 1), which counts; without it every
folder but ``good`` holds anomalous images.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.anomalydino_times import BRANCH, COLUMNS, TIMES, Scored, read_times
from promptad_db.ingestion.readers.plausibility import FRACTION, Numbers, is_mean
from promptad_db.ingestion.readers.reported_cells import (
    DATASETS,
    Column,
    ReportedCells,
    Setting,
    cells_of_row,
    told,
)
from promptad_db.ingestion.readers.table_files import csv_header, is_json
from promptad_db.storage.files import read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject
    from promptad_db.records import CategoryResult

KIND = "anomalydino"
METHOD = "AnomalyDINO"
KEYS = (
    Column("classification_AUROC", "cls", BRANCH, "auroc"),
    Column("classification_AP", "cls", BRANCH, "ap"),
    Column("classification_F1", "cls", BRANCH, "f1_max"),
    Column("seg_AUROC", "seg", BRANCH, "auroc"),
    Column("seg_AUPRO", "seg", BRANCH, "aupro"),
    Column("seg_F1", "seg", BRANCH, "f1_max"),
)
SAME_SEED = 1e-3  # scores with five decimals move an AUROC by less than this, another seed by more

_SHOTS = re.compile(r"(-?\d{1,6})-shot_preprocess=(.+)", re.DOTALL)
_RESOLUTION = re.compile(r"_\d+$")
_SEED_NAME = re.compile(r"[a-z_]+_seed=(\d{1,18})\.(json|csv(\.\w+)?)")
_ALL_KEYS = {key.name for key in KEYS}


def recognise(path: Path) -> bool:
    """A JSON of objects with this code's numbers, or a CSV with its columns of scores and times."""
    if not is_json(path):
        return set(csv_header(path, COLUMNS)) >= set(TIMES)
    try:
        content = read_json(path, allow_nan=True)
    except InputError:
        return False
    return isinstance(content, dict) and any(
        isinstance(numbers, dict) and not _ALL_KEYS.isdisjoint(numbers) for numbers in content.values()
    )


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per dataset, model, K, preprocessing, seed and task."""
    cells = ReportedCells(KIND)
    for path in sorted(path for path in paths if is_json(path)):
        try:
            _read_metrics(path, options, cells, reject)
        except InputError as error:
            reject(path, str(error).removeprefix(f"{path}: "))
    for path in sorted(path for path in paths if not is_json(path)):
        try:
            _add_scores(path, read_times(path, reject), options, cells)
        except InputError as error:
            reject(path, str(error))
    yield from cells.runs()


def _read_metrics(path: Path, options: ImportOptions, cells: ReportedCells, reject: Reject) -> None:
    setting = _setting(path, options)
    content = {name: row for name, row in read_json(path, allow_nan=True).items() if isinstance(row, dict)}
    numbers = Numbers(
        FRACTION, {key.name: [row[key.name] for row in content.values() if key.name in row] for key in KEYS}
    )
    for reason in numbers.refusal():
        reject(path, reason)
    for category, row in content.items():
        if is_mean(category):
            continue
        results, problems = cells_of_row(category, row, KEYS, numbers, precision=0.0)
        problems += cells.add_row(setting, results, path)
        if problems:
            reject(path, "; ".join(problems))


def _setting(path: Path, options: ImportOptions) -> Setting:
    """What the name and the folders of a file tell, or else the options."""
    shots, model, results, above = [*(folder.name for folder in path.resolve().parents), "", "", "", ""][:4]
    match, seed = _SHOTS.fullmatch(shots), _SEED_NAME.fullmatch(path.name)
    k_shot, how = (int(match[1]), match[2]) if match else (None, "")
    if k_shot is not None and k_shot < 0:
        k_shot = None  # -1: all training images
    dataset = results.removeprefix("results_") if match and results.startswith("results_") else ""
    return Setting(
        experiment=options.experiment or (above if dataset else "") or KIND,
        method=options.method or METHOD,
        variant=f"{model} {how}" if match else "baseline",
        task="cls",
        dataset=told(DATASETS.get(dataset, dataset) or options.dataset, "dataset", "--dataset"),
        k_shot=told(options.k_shot if k_shot is None else k_shot, "K", "--k-shot"),
        seed=int(seed[1]) if seed else options.seed,
        backbone=_RESOLUTION.sub("", model) if match else "",
        selection="none" if options.method in (None, METHOD) else "unknown",
        assumed=() if match or options.method else (("method", "the columns"),),
    )


def _add_scores(path: Path, of_objects: tuple[Scored, list[str]], options: ImportOptions, cells: ReportedCells) -> None:
    """Put the scores and times to the reported numbers of the seed that they belong to."""
    scored, notes = of_objects
    setting = _setting(path, options)
    if _SEED_NAME.fullmatch(path.name):
        beside = {setting.seed} & _seeds(setting, cells)
    else:
        setting = setting._replace(seed=None)
        beside = _seeds(setting, cells)
    seeds = sorted(beside, key=lambda seed: seed or 0)
    fitting = [seed for seed in seeds if _difference(scored, setting._replace(seed=seed), cells) < SAME_SEED]
    if len(fitting) > 1 or (seeds and not fitting):
        raise InputError(
            f"its scores fit {len(fitting) or 'none'} of the seeds {', '.join(map(str, seeds))} beside it: "
            "whose times these are is not told"
        )
    if seeds:
        setting = setting._replace(seed=fitting[0])
    elif setting.seed is None:
        setting = setting._replace(seed=told(options.seed, "seed", "--seed"))
    for result in scored.values():
        cells.extend(setting, result, path)
    cells.notes.setdefault(setting, []).extend(notes)


def _seeds(setting: Setting, cells: ReportedCells) -> set[int | None]:
    """The seeds of which there are numbers for the same setting."""
    alike = setting._replace(seed=None)
    return {known.seed for known, _ in cells.cells if known._replace(seed=None) == alike}


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
