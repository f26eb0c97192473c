"""The long table: scores of any method, one row an image and branch, as CSV or Parquet.

    dataset,category,k_shot,seed,task,branch,image,label,score
    mvtec,bottle,1,111,cls,semantic,good/000.png,0,0.12
    mvtec,bottle,1,111,cls,memory,good/000.png,0,0.08

The columns stand in any order; ``experiment``, ``method``, ``variant`` and ``defect_type`` may stand beside them, ``seed``
may be missing. A category is taken whole or not at all: each of its branches must hold each of its images once.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.columns import REQUIRED, RUN, Table, column_names, first_come, load
from promptad_db.ingestion.readers.imported import Deferred, ImportedRun, ImportOptions, Reject
from promptad_db.limits import LARGEST_NAMES, MOST_IMAGES
from promptad_db.records import CategoryResult
from promptad_db.scoring import score_category

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

KIND = "long-table"


def recognise(path: Path) -> bool:
    """A CSV or Parquet with the required columns; or a broken Parquet, as no other reader would say what is wrong."""
    try:
        return set(REQUIRED) <= set(column_names(path))
    except InputError:
        return path.suffix == ".parquet"


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per experiment, method, variant, dataset, K and seed, also where several files hold its categories."""
    runs: dict[tuple[Any, ...], ImportedRun] = {}
    for path in sorted(paths):
        try:
            table = load(path, options)
            for rows in table.categories():
                _read_category(table, rows, path, runs, reject)
        except InputError as error:
            reject(path, str(error))
    for key in sorted(runs, key=str):
        yield runs[key]


def _read_category(
    table: Table, rows: NDArray[np.int64], path: Path, runs: dict[tuple[Any, ...], ImportedRun], reject: Reject
) -> None:
    key = tuple(table.value(name, rows[0]) for name in RUN)
    try:
        run = runs.get(key) or _run(*key)
        _add(run, table, rows, path)
        runs[key] = run
    except InputError as error:
        category, (*_, dataset, k_shot, seed, _task) = table.value("category", rows[0]), key
        reject(path, f"{category or 'no category'} ({dataset}, K = {k_shot}, seed {seed}): {error}")


def _run(
    experiment: str, method: str, variant: str, dataset: object, k_shot: object, seed: object, task: object
) -> ImportedRun:
    if task != "cls":
        raise InputError(f"task is {task!r}: a long table holds one score an image; seg needs anomaly maps")
    if not isinstance(dataset, str):
        raise InputError("dataset is empty", "give --dataset")
    if not isinstance(k_shot, int) or not 0 <= k_shot <= 10**6:
        raise InputError(f"k_shot is {k_shot!r}, not a number of images", "give --k-shot" if k_shot is None else "")
    if seed is not None and not isinstance(seed, int):
        raise InputError(f"seed is {seed!r}, not a whole number")
    return ImportedRun(KIND, experiment, method, "cls", dataset, k_shot, seed, variant, categories=Deferred())


def _add(run: ImportedRun, table: Table, rows: NDArray[np.int64], path: Path) -> None:
    """A category is checked at once, and scored when it is asked for."""
    result = _category(table, rows)
    known = run.categories.get(result.category)
    if known is None:
        run.categories.defer(result.category, partial(_scored, table, rows))  # type: ignore[attr-defined]
    elif _content(known) != _content(_scored(table, rows)):
        others = ", ".join(str(file) for file in sorted(run.files))
        raise InputError(f"it is in {others} already, with other scores; all of a category must be in one file")
    run.files.add(path)


def _scored(table: Table, rows: NDArray[np.int64]) -> CategoryResult:
    result = _category(table, rows)
    result.metrics = score_category(result, None)
    return result


def _content(result: CategoryResult) -> tuple[object, ...]:
    labels = None if result.labels is None else result.labels.tolist()
    scores = {branch: scores.tolist() for branch, scores in result.scores.items()}
    return result.images, labels, result.defect_types, scores


def _category(table: Table, rows: NDArray[np.int64]) -> CategoryResult:
    """The scores of one category; InputError for rows that do not fit together."""
    for column in ("category", "branch", "image"):
        empty = rows[table.codes[column][rows] == table.empty.get(column, -1)]
        if empty.size:
            raise InputError(f"{table.where(empty[0])}: {column} is empty")
    bad = rows[~np.isfinite(table.scores[rows])]
    if bad.size:
        given = f"{table.no_numbers[bad[0]]!r} " if bad[0] in table.no_numbers else ""
        raise InputError(f"{table.where(bad[0])}: score {given}is not a finite number")
    first, image_of_row = _images(table, rows)
    result = CategoryResult(table.value("category", rows[0]), table.listed("image", table.codes["image"][first]))
    result.scores = dict(_branches(table, rows, image_of_row, result.images))
    for column in ("label", "defect_type"):
        codes = table.codes[column]
        other = rows[codes[rows] != codes[first][image_of_row]]
        if other.size:
            row, image = other[0], table.value("image", other[0])
            raise InputError(f"{table.where(row)}: another {column} of image {image!r} than further up")
    result.labels = _labels(table, first)
    defect_types = table.listed("defect_type", table.codes["defect_type"][first])
    result.defect_types = defect_types if any(defect_types) else None
    return result


def _images(table: Table, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The first row of each image, in the order of the file, and for each row the number of its image."""
    image_of_row, count = first_come(table.codes["image"][rows])
    if count > MOST_IMAGES:
        raise InputError(f"it has {count:,} images, more than {MOST_IMAGES:,}")
    if (size := table.image_bytes(rows)) > LARGEST_NAMES:
        raise InputError(f"the names of its images take {size:,} bytes in all rows, more than {LARGEST_NAMES:,}")
    first = np.empty(count, dtype=np.int64)
    first[image_of_row[::-1]] = rows[::-1]  # of several rows the last one stays
    return first, image_of_row


def _branches(
    table: Table, rows: NDArray[np.int64], image_of_row: NDArray[np.int32], images: list[str]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    codes = table.codes["branch"][rows]
    _, first, counts = np.unique(codes, return_index=True, return_counts=True)
    of_branches = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    for mine in (of_branches[index] for index in np.argsort(first)):
        branch, shown = table.value("branch", rows[mine[0]]), image_of_row[mine]
        distinct, where = np.unique(shown, return_index=True)
        if distinct.size < shown.size:
            second = np.setdiff1d(np.arange(shown.size), where)[0]
            image = images[shown[second]]
            raise InputError(f"{table.where(rows[mine[second]])}: image {image!r} stands twice in branch {branch!r}")
        if distinct.size < len(images):
            lacking = np.setdiff1d(np.arange(len(images)), distinct)
            raise InputError(f"branch {branch!r} lacks {lacking.size} images, such as {images[lacking[0]]!r}")
        scores = np.empty(len(images))
        scores[shown] = table.scores[rows[mine]]
        yield branch, scores


def _labels(table: Table, first: NDArray[np.int64]) -> NDArray[np.int8] | None:
    labels = table.listed("label", table.codes["label"][first])
    if all(label is None for label in labels):
        return None
    for row, label in zip(first, labels, strict=True):
        if not isinstance(label, int):
            raise InputError(f"{table.where(row)}: label {label or ''!r} is not 0 (normal) or 1 (anomalous)")
    anomalous = sum(labels)
    if anomalous in (0, len(labels)):
        classes = f"{anomalous} anomalous and no normal" if anomalous else f"{len(labels)} normal and no anomalous"
        raise InputError(f"one class only: {classes} image, no AUROC can come from it")
    return np.array(labels, dtype=np.int8)
