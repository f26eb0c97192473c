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

The group folder of the code's own scripts, ``IM224_WR50_L2-3_P01_D1024-1024_PS-3_AN-1_S0``, tells image size, backbone,
layers and so on, and the seed: the variant is its name without the seed.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

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
    written_step,
)
from promptad_db.ingestion.readers.table_files import csv_header, csv_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject

KIND = "patchcore-csv"
BRANCH = "memory"
METHOD = "PatchCore"
COLUMNS = (
    Column("instance_auroc", "cls", BRANCH, "auroc"),
    Column("full_pixel_auroc", "seg", BRANCH, "auroc"),
    Column("full_pro", "seg", BRANCH, "aupro"),
    Column("anomaly_pixel_auroc", "seg", BRANCH, "auroc_anomalous_only"),
    Column("anomaly_pro", "seg", BRANCH, "aupro_anomalous_only"),
)

_ROW_NAMES = "Row Names"
_KNOWN = (_ROW_NAMES, *(column.name for column in COLUMNS))
_GROUP = re.compile(r"(?P<settings>IM\d+_.+)_S(?P<seed>\d{1,18})(?P<again>_\d+)?")


def recognise(path: Path) -> bool:
    """A CSV whose first column is ``Row Names``, with one of the code's AUROCs beside it."""
    header = csv_header(path, _KNOWN)
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
    rows = csv_rows(path, _KNOWN)
    if not is_mean(rows[-1][1][_ROW_NAMES]):
        raise InputError("its last row is not Mean: the file was cut")
    rows = [(line, row) for line, row in rows if not is_mean(row[_ROW_NAMES])]
    setting = _setting(path, options)
    measured = [column.name for column in COLUMNS if rows and column.name in rows[0][1]]
    numbers = Numbers(FRACTION, {name: [row[name] for _, row in rows] for name in measured})
    for reason in numbers.refusal():
        reject(path, reason)
    step = written_step(row[name] for _, row in rows for name in measured)
    for line, row in rows:
        try:
            dataset, category = _split(row[_ROW_NAMES], options.dataset)
            results, problems = cells_of_row(category, row, COLUMNS, numbers, step)
            problems += cells.add_row(setting._replace(dataset=dataset), results, path)
        except InputError as error:
            problems = [str(error)]
        reject_problems(path, line, problems, reject)


def _setting(path: Path, options: ImportOptions) -> Setting:
    folder = path.resolve().parent.name
    group = _GROUP.fullmatch(folder)
    return Setting(
        experiment=options.experiment or folder or KIND,
        method=options.method or METHOD,
        variant=group["settings"] if group else "baseline",
        task="cls",
        dataset="",
        k_shot=told(options.k_shot, "K", "--k-shot"),
        seed=int(group["seed"]) if group else options.seed,
        selection="none" if options.method in (None, METHOD) else "unknown",
        assumed=() if options.method else (("method", "the columns"),),
    )


def _split(name: str, dataset: str | None) -> tuple[str, str]:
    """The dataset and the category of a name such as ``mvtec_metal_nut``."""
    first, _, rest = name.partition("_")
    if dataset is not None:
        of_known = first in DATASETS and rest and not name.startswith(f"{dataset}_")
        return dataset, rest if of_known else name.removeprefix(f"{dataset}_") or name
    if first not in DATASETS or not rest:
        raise InputError(f"{name!r} is not <dataset>_<category> of a known dataset", "give --dataset")
    return DATASETS[first], rest
