"""The result files of the public PatchCore code (Roth et al., CVPR 2022, arXiv 2106.08265; amazon-science/patchcore-inspection).

    <results>/<project>/<group>/results.csv     written by compute_and_store_final_results in src/patchcore/utils.py

        Row Names,instance_auroc,full_pixel_auroc,full_pro,anomaly_pixel_auroc,anomaly_pro
        mvtec_bottle,1.0,0.9848388278688711,0.73...,0.97...,0.97...
        Mean,0.99...

Fractions as full floats. ``instance_auroc`` is image level, task ``cls``; ``full_pixel_auroc`` is pixel level over all
test images, task ``seg``, and ``full_pro`` its AUPRO; the ``anomaly_*`` columns leave the normal images out and become
``auroc_anomalous_only`` and ``aupro_anomalous_only``. The newer code writes three of the five. A row is called
``<dataset>_<category>``; the last, ``Mean``, is no category, and a file without it was cut. K and the seed are told
nowhere: the code trains on all images, so ``--k-shot`` must say what was given to it. PatchCore is a memory branch.
"""

from __future__ import annotations

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

KIND = "patchcore-csv"
BRANCH = "memory"
COLUMNS: dict[Task, dict[str, str]] = {
    "cls": {"instance_auroc": "auroc"},
    "seg": {
        "full_pixel_auroc": "auroc",
        "full_pro": "aupro",
        "anomaly_pixel_auroc": "auroc_anomalous_only",
        "anomaly_pro": "aupro_anomalous_only",
    },
}

_ROW_NAMES, _MEAN = "Row Names", "Mean"


def recognise(path: Path) -> bool:
    """A CSV whose first column is ``Row Names``, with one of the code's AUROCs beside it."""
    header = csv_header(path)
    return header[:1] == [_ROW_NAMES] and not {"instance_auroc", "full_pixel_auroc"}.isdisjoint(header)


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per folder, dataset and task."""
    cells = ReportedCells(KIND)
    for path in sorted(paths):
        try:
            _read_file(path, options, cells, reject)
        except InputError as error:
            reject(path, str(error))
    yield from cells.runs()


def _read_file(path: Path, options: ImportOptions, cells: ReportedCells, reject: Reject) -> None:
    rows = csv_rows(path)
    if rows[-1][1][_ROW_NAMES] != _MEAN:
        raise InputError("its last row is not Mean: the file was cut")
    k_shot = told(options.k_shot, "K", "--k-shot")
    step = written_step(text for _, row in rows for name, text in row.items() if name != _ROW_NAMES)
    for line, row in rows[:-1]:
        try:
            dataset, category = _split(row[_ROW_NAMES], options.dataset)
            setting = Setting(
                options.experiment or path.resolve().parent.name or KIND,
                options.method or "PatchCore", "baseline", "cls", dataset, k_shot, options.seed, selection="none",
            )  # fmt: skip
            for task in COLUMNS:
                result = _cell(row, task, category, step)
                if result.metrics:
                    cells.add(setting._replace(task=task), result, path)
        except InputError as error:
            reject(path, f"line {line}: {error}")


def _cell(row: dict[str, str], task: Task, category: str, step: float) -> CategoryResult:
    level = LEVEL_OF_TASK[task]
    metrics = [
        reported_metric(level, BRANCH, metric, row[column], where=f"{column} of {category}", precision=step)
        for column, metric in COLUMNS[task].items()
        if row.get(column, "").strip()
    ]
    return CategoryResult(category, metrics=metrics)


def _split(name: str, dataset: str | None) -> tuple[str, str]:
    """The dataset and the category of a name such as ``mvtec_metal_nut``."""
    first, _, rest = name.partition("_")
    if dataset is not None:
        return dataset, name.removeprefix(f"{dataset}_") if name.startswith(f"{dataset}_") else rest or name
    if first not in DATASETS or not rest:
        raise InputError(f"{name!r} is not <dataset>_<category> of a known dataset", "give --dataset")
    return DATASETS[first], rest
