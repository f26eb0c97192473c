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

A grid over models, backbones, layers, image sizes or accelerators stands in one file: the variant names every setting
of the model and the data that its columns tell, and the machine where a file holds several.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.plausibility import FRACTION, Numbers, is_mean
from promptad_db.ingestion.readers.reported_cells import (
    DATASETS,
    Column,
    ReportedCells,
    Setting,
    cells_of_row,
    reject_problems,
    told,
    variant_of,
    written_step,
)
from promptad_db.ingestion.readers.table_files import csv_header, csv_rows
from promptad_db.records import LEVEL_OF_TASK

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
_K_SHOT = tuple(
    f"{place}{name}"
    for place in ("data.init_args.", "model.init_args.", "data.", "model.", "")
    for name in ("k_shot", "k_shots", "n_shot", "n_shots", "num_shots")
)
_SEED = ("seed_everything", "seed")
_BACKBONE = ("model.init_args.backbone", "model.backbone")
_MACHINE = ("accelerator", "anomalib_version")
_NUMBERS = tuple(f"{level}_{name}" for level in LEVEL_OF_TASK.values() for name in METRICS)
_WHOLE = re.compile(r"(\d{1,18})(\.0*)?")  # pandas writes a column with gaps as floats
_DURATION = re.compile(r"\d+(\.\d*)?(e-?\d{1,2})?")
_TIMES = {"fit_duration": "fit", "test_duration": "test"}
_KNOWN = (*_MODEL, *_DATA, *_CATEGORY, *_K_SHOT, *_SEED, *_BACKBONE, *_MACHINE, *_NUMBERS, *_TIMES)
_NO_SETTINGS = {
    *_MODEL, *_DATA, *_CATEGORY, *_K_SHOT, *_SEED, *_BACKBONE, *_MACHINE, *_TIMES, "duration", "job_duration",
    "data.init_args.root", "data.root", "data.init_args.num_workers", "data.init_args.eval_batch_size",
}  # fmt: skip


def recognise(path: Path) -> bool:
    """A CSV with a model, a dataset and a measured AUROC, as the pipeline names them."""
    header = set(csv_header(path, _KNOWN))
    return (
        not header.isdisjoint(_MODEL)
        and not header.isdisjoint(_DATA)
        and not header.isdisjoint({"image_AUROC", "pixel_AUROC"})
    )


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per file, model with its settings, dataset, K, seed and task."""
    cells = ReportedCells(KIND)
    for path in sorted(paths):
        try:
            file, rows = _file(path, options, reject)
        except InputError as error:
            reject(path, str(error))
            continue
        for line, row in rows:
            try:
                problems = _add_row(file, row, cells)
            except InputError as error:
                problems = [str(error)]
            reject_problems(path, line, problems, reject)
    yield from cells.runs()


class _File(NamedTuple):
    """What all rows of a file share; ``machine`` are the columns of the machine in which they differ."""

    path: Path
    options: ImportOptions
    numbers: Numbers
    step: float
    machine: list[str]


def _file(path: Path, options: ImportOptions, reject: Reject) -> tuple[_File, list[tuple[int, dict[str, str]]]]:
    rows = [(line, row) for line, row in csv_rows(path, _KNOWN) if not _is_mean(row)]
    measured = [name for name in _NUMBERS if rows and name in rows[0][1]]
    numbers = Numbers(FRACTION, {name: [row[name] for _, row in rows] for name in measured})
    for reason in numbers.refusal():
        reject(path, reason)
    step = written_step(row[name] for _, row in rows for name in measured)
    machine = [name for name in _MACHINE if len({row.get(name) for _, row in rows}) > 1]
    return _File(path, options, numbers, step, machine), rows


def _is_mean(row: dict[str, str]) -> bool:
    return is_mean(_of(row, _CATEGORY)) or is_mean(_of(row, _MODEL))


def _add_row(file: _File, row: dict[str, str], cells: ReportedCells) -> list[str]:
    """Take the cells of a row; what is wrong with some of its numbers."""
    setting = _setting(file, row)
    category = told(_of(row, _CATEGORY), "category", "the benchmark a data.init_args.category")
    branch = _branch(_class(_of(row, _MODEL)), setting.k_shot)
    columns = [
        Column(f"{level}_{name}", task, branch, metric)
        for task, level in LEVEL_OF_TASK.items()
        for name, metric in METRICS.items()
    ]
    results, problems = cells_of_row(category, row, columns, file.numbers, file.step)
    timings, not_seconds = _timings(row)
    for _, result in results:
        result.timings = timings
    return [*problems, *not_seconds, *cells.add_row(setting, results, file.path)]


def _setting(file: _File, row: dict[str, str]) -> Setting:
    options = file.options
    model, data = _class(told(_of(row, _MODEL), "model", "the benchmark a model.class_path")), _class(_of(row, _DATA))
    k_shot, seed = _whole(row, _K_SHOT), _whole(row, _SEED)
    backbone = _of(row, _BACKBONE)
    config = {
        name: text.strip()
        for name, text in row.items()
        if text.strip()
        and (name in file.machine or name not in _NO_SETTINGS)
        and not name.startswith(("image_", "pixel_"))
    }
    other_name = model if options.method not in (None, model) else ""
    return Setting(
        experiment=options.experiment or file.path.resolve().parent.name or KIND,
        method=options.method or model,
        variant=variant_of(other_name, backbone, config=config),
        task="cls",
        dataset=told(options.dataset or DATASETS.get(data, data.lower()), "dataset", "--dataset"),
        k_shot=told(options.k_shot if k_shot is None else k_shot, "K", "--k-shot"),
        seed=options.seed if seed is None else seed,
        backbone=backbone,
        config=tuple(sorted(config.items())),
    )


def _timings(row: dict[str, str]) -> tuple[dict[str, float], list[str]]:
    """The seconds of each stage, and which of them are no numbers."""
    given = {stage: row[column].strip() for column, stage in _TIMES.items() if row.get(column, "").strip()}
    timings = {stage: float(text) for stage, text in given.items() if _DURATION.fullmatch(text)}
    return timings, [
        f"a duration is {text!r}, not a number of seconds" for s, text in given.items() if s not in timings
    ]


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
