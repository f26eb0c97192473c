"""One category of a long table: its rows as images, labels and scores by branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.columns import Table, first_come
from promptad_db.limits import LARGEST_NAMES, MOST_IMAGES
from promptad_db.records import CategoryResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray


def sound_rows(table: Table, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], list[str]]:
    """The rows of the branches whose scores are all numbers, and what is wrong with the others."""
    for column in ("category", "branch", "image"):
        empty = rows[table.codes[column][rows] == table.empty.get(column, -1)]
        if empty.size:
            raise InputError(f"{table.where(empty[0])}: {column} is empty")
    problems: list[str] = []
    branches = table.codes["branch"]
    bad = rows[~np.isfinite(table.scores[rows])]
    for code in dict.fromkeys(branches[bad].tolist()):
        row = bad[branches[bad] == code][0]
        given = f"{table.no_numbers[row]!r} " if row in table.no_numbers else ""
        problem = f"{table.where(row)}: score {given}is not a finite number"
        rows = rows[branches[rows] != code]
        if not rows.size:
            raise InputError(problem)
        problems.append(f"{problem}; branch {table.value('branch', row)!r} is left out")
    return rows, problems


def category_of(table: Table, rows: NDArray[np.int64]) -> CategoryResult:
    """The scores of one category; InputError for rows that do not fit together."""
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
            raise InputError(
                f"{table.where(rows[mine[second]])}: image {image!r} stands twice in branch {branch!r}",
                "a column variant, backbone, checkpoint or seed tells runs apart"
                if shown.size >= 2 * distinct.size
                else "",
            )
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
    return np.array(labels, dtype=np.int8)
