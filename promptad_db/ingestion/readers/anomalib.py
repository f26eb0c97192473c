"""The result files of anomalib's benchmark pipeline (open-edge-platform/anomalib, Apache-2.0).

    runs/benchmark/<date>/results.csv     written by BenchmarkJob.save in src/anomalib/pipelines/benchmark/job.py

        accelerator,anomalib_version,job_duration,fit_duration,test_duration,model.class_path,data.class_path,
        data.init_args.root,data.init_args.category,seed,image_AUROC,image_F1Score,pixel_AUROC,pixel_F1Score

One row a model and category: seconds, then the flattened configuration, then what ``Engine.test`` measured, fractions as
full floats of float32 numbers. ``image_*`` becomes task ``cls``, ``pixel_*`` task ``seg``; AUROC, AUPRO and F1Max are ours,
AUPR and F1Score (at anomalib's own threshold, not the best one) are kept under those names. Versions before 2 write
``model``, ``data``, ``category`` and ``duration``. anomalib trains on all images unless told otherwise, so K comes from a
column ``...k_shot`` where the model has one (WinClip), else from ``--k-shot``.

The branch is ``memory`` for models that compare with stored normal features, ``semantic`` for WinClip without images, and
``score`` for everything else: one score that is neither of the two.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.reported_cells import (
    DATASETS,
    ReportedCells,
    Setting,
    csv_header,
    csv_rows,
    reported_metric,
    told,
    written_step,
)
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Task

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject

KIND = "anomalib-benchmark"
MEMORY_MODELS = {"patchcore", "padim", "anomalydino", "dfm", "dfkde", "cfa"}
METRICS = {
    "AUROC": "auroc", "AUPRO": "aupro", "PRO": "aupro", "F1Max": "f1_max", "AUPR": "aupr", "F1Score": "f1_score",
}  # fmt: skip

_MODEL = ("model.class_path", "model")
_DATA = ("data.class_path", "data")
_CATEGORY = ("data.init_args.category", "data.category", "category")
_K_SHOT = ("data.init_args.k_shot", "model.init_args.k_shot", "k_shot")
_BACKBONE = ("model.init_args.backbone", "model.backbone")
_WHOLE = re.compile(r"(\d{1,18})(\.0*)?")  # pandas writes a column with gaps as floats
_DURATION = re.compile(r"\d+(\.\d*)?(e-?\d{1,2})?")
_TIMES = {"fit_duration": "fit", "test_duration": "test"}


def recognise(path: Path) -> bool:
    """A CSV with a model, a dataset and a measured AUROC, as the pipeline names them."""
    header = set(csv_header(path))
    return (
        not header.isdisjoint(_MODEL)
        and not header.isdisjoint(_DATA)
        and not header.isdisjoint({"image_AUROC", "pixel_AUROC"})
    )


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per file, model, dataset, K, seed and task."""
    cells = ReportedCells(KIND)
    for path in sorted(paths):
        try:
            rows = csv_rows(path)
        except InputError as error:
            reject(path, str(error))
            continue
        measured = [name for name in rows[0][1] if name.partition("_")[0] in ("image", "pixel")]
        step = written_step(row[name] for _, row in rows for name in measured)
        for line, row in rows:
            try:
                _add_row(path, row, options, cells, step)
            except InputError as error:
                reject(path, f"line {line}: {error}")
    yield from cells.runs()


def _add_row(path: Path, row: dict[str, str], options: ImportOptions, cells: ReportedCells, step: float) -> None:
    model = _class(_of(row, _MODEL))
    data = _class(_of(row, _DATA))
    category = told(_of(row, _CATEGORY), "category", "the benchmark a data.init_args.category")
    k_shot, seed = _whole(row, _K_SHOT), _whole(row, ("seed",))
    k_shot = told(options.k_shot if k_shot is None else k_shot, "K", "--k-shot")
    branch = _branch(model, k_shot)
    setting = Setting(
        experiment=options.experiment or path.resolve().parent.name or KIND,
        method=options.method or told(model, "model", "--method"),
        variant="baseline",
        task="cls",
        dataset=told(options.dataset or DATASETS.get(data, data.lower()), "dataset", "--dataset"),
        k_shot=k_shot,
        seed=options.seed if seed is None else seed,
        backbone=_of(row, _BACKBONE),
    )
    for task in LEVEL_OF_TASK:
        result = _cell(row, task, category, branch, step)
        if result.metrics:
            cells.add(setting._replace(task=task), result, path)


def _cell(row: dict[str, str], task: Task, category: str, branch: str, step: float) -> CategoryResult:
    level = LEVEL_OF_TASK[task]
    metrics = [
        reported_metric(
            level, branch, metric, row[f"{level}_{name}"], where=f"{level}_{name} of {category}", precision=step
        )
        for name, metric in METRICS.items()
        if row.get(f"{level}_{name}", "").strip()
    ]
    seconds = {stage: row[column] for column, stage in _TIMES.items() if row.get(column, "").strip()}
    return CategoryResult(category, metrics=metrics, timings={stage: _seconds(text) for stage, text in seconds.items()})


def _branch(model: str, k_shot: int) -> str:
    if model.lower().replace("_", "") in MEMORY_MODELS:
        return "memory"
    return "semantic" if model.lower() == "winclip" and k_shot == 0 else "score"


def _of(row: dict[str, str], columns: tuple[str, ...]) -> str:
    return next((row[name].strip() for name in columns if row.get(name, "").strip()), "")


def _class(path: str) -> str:
    """The last part of ``anomalib.models.Padim``."""
    return path.rpartition(".")[2]


def _whole(row: dict[str, str], columns: tuple[str, ...]) -> int | None:
    text = _of(row, columns)
    match = _WHOLE.fullmatch(text)
    if text and not match:
        raise InputError(f"{columns[-1]} is {text!r}, not a whole number")
    return int(match[1]) if match else None


def _seconds(text: str) -> float:
    if not _DURATION.fullmatch(text.strip()):
        raise InputError(f"a duration is {text!r}, not a number of seconds")
    return float(text)
