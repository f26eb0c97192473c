"""The long table: scores of any method, one row an image and branch, as CSV or Parquet.

    dataset,category,k_shot,seed,task,branch,image,label,score
    mvtec,bottle,1,111,cls,semantic,good/000.png,0,0.12
    mvtec,bottle,1,111,cls,memory,good/000.png,0,0.08

The columns stand in any order and in any case; ``experiment``, ``method``, ``variant``, ``model``, ``backbone``,
``checkpoint`` and ``defect_type`` may stand beside them, all but the last tell runs apart; ``seed`` may be missing, and
what options or ``key=value`` folders tell. Instead of ``branch`` and ``score``
there may be a column of scores for each branch. A branch is taken whole or not at all: it must hold each image of its
category once.

A file for each branch is as good: files of one folder that hold different branches of the same cells are one run, called
after the folder.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.imported import Deferred, ImportedRun, ImportOptions, Reject
from promptad_db.ingestion.readers.joined import joined, with_numbers
from promptad_db.ingestion.readers.plausibility import label_note
from promptad_db.ingestion.readers.reported_cells import SEPARATE, variant_of
from promptad_db.ingestion.readers.table_cells import category_of, sound_rows
from promptad_db.ingestion.readers.table_files import is_parquet, layout_of, partitions, spelled
from promptad_db.ingestion.readers.table_load import column_names, default_experiment, load
from promptad_db.ingestion.readers.table_shape import OPTIONAL, REQUIRED, RUN, shape_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from promptad_db.ingestion.readers.columns import Table
    from promptad_db.records import CategoryResult

KIND = "long-table"
_SHOWN = 10

RunKey = tuple[Any, ...]


class _Piece(NamedTuple):
    """The rows of one category of one run in one file, the branches in them, and what to say of their labels."""

    key: RunKey
    table: Table
    rows: NDArray[np.int64]
    path: Path
    category: str
    branches: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()

    def result(self) -> CategoryResult:
        """The scores; InputError for rows that do not fit together."""
        return category_of(self.table, self.rows)

    def reject(self, reason: object, reject: Reject) -> None:
        *_, dataset, k_shot, seed, _task = self.key
        reject(self.path, f"{self.category or 'no category'} ({dataset}, K = {k_shot}, seed {seed}): {reason}")


def recognise(path: Path) -> bool:
    """A CSV or Parquet with the required columns; or a broken Parquet, as no other reader would say what is wrong."""
    try:
        return shape_of(column_names(path)).complete(set(partitions(path)))
    except InputError:
        return is_parquet(path)


def is_named_otherwise(path: Path) -> bool:
    """Whether a file of another suffix begins as a long table does."""
    try:
        return shape_of(spelled(layout_of(path).header, (*REQUIRED, *OPTIONAL))).complete(set(partitions(path)))
    except InputError:
        return False


def is_near(path: Path) -> bool:
    """Whether a table holds scores of images, though not all that a long table needs."""
    names = set(column_names(path))
    return "image" in names and ("score" in names or shape_of(sorted(names)).branches is not None)


def lacking(path: Path) -> str:
    """Why a table that can be read is no long table."""
    names = column_names(path)
    missing = shape_of(names).lacking
    if not names:
        return "it has no header"
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    return f"its columns are {shown}; a long table would need {', '.join(missing)} as well"


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per experiment, method, variant, dataset, K and seed, also where several files hold its categories."""
    pieces: list[_Piece] = []
    for path in sorted(paths):
        try:
            table = load(path, options)
            pieces += (piece for rows in table.categories() if (piece := _piece(table, rows, path, reject)))
        except InputError as error:
            reject(path, str(error))
    runs: dict[RunKey, ImportedRun] = {}
    cells: dict[tuple[RunKey, str], list[_Piece]] = {}
    for piece in _of_one_experiment(pieces, options):
        try:
            run = runs.get(piece.key) or _run(piece.key)
            _add(run, piece, cells.setdefault((piece.key, piece.category), []))
            runs[piece.key] = run
        except InputError as error:
            piece.reject(error, reject)
    for key in sorted(runs, key=str):
        yield runs[key]


def _piece(table: Table, rows: NDArray[np.int64], path: Path, reject: Reject) -> _Piece | None:
    """The rows of a category that are sound; what is wrong with the others is named."""
    key = tuple(table.value(name, rows[0]) for name in RUN)
    piece = _Piece(key, table, rows, path, table.value("category", rows[0]))
    try:
        _run(key)
        sound, problems = sound_rows(table, rows)
        piece = piece._replace(rows=sound)
        result = piece.result()
    except InputError as error:
        piece.reject(error, reject)
        return None
    for problem in problems:
        piece.reject(problem, reject)
    return piece._replace(branches=frozenset(result.scores), notes=tuple(label_note(path, result)))


def _of_one_experiment(pieces: list[_Piece], options: ImportOptions) -> Iterator[_Piece]:
    """The pieces, where files of a folder hold different branches of the same runs with the folder as experiment.

    Files that are called after their experiment, or where one holds all the branches of the others, stay apart.
    """
    held: dict[tuple[Path, RunKey], dict[Path, set[str]]] = {}
    for piece in pieces:
        if not options.experiment and piece.key[0] == default_experiment(piece.path):
            place = held.setdefault((piece.path.parent, piece.key[1:]), {})
            place.setdefault(piece.path, set()).update(piece.branches)
    for piece in pieces:
        files = held.get((piece.path.parent, piece.key[1:]), {})
        everything = set().union(*files.values())
        if piece.path in files and all(branches < everything for branches in files.values()):
            folder = piece.path.resolve().parent.name or piece.key[0]
            piece = piece._replace(key=(folder, *piece.key[1:]))  # noqa: PLW2901 - the same rows
        yield piece


def _run(key: RunKey) -> ImportedRun:
    experiment, method, variant, model, backbone, checkpoint, dataset, k_shot, seed, task = key
    if task != "cls":
        raise InputError(f"task is {task!r}: a long table holds one score an image; seg needs anomaly maps")
    if not isinstance(dataset, str):
        raise InputError("dataset is empty", "give --dataset")
    if not isinstance(k_shot, int) or not 0 <= k_shot <= 10**6:
        raise InputError(f"k_shot is {k_shot!r}, not a number of images", "give --k-shot" if k_shot is None else "")
    if seed is not None and not isinstance(seed, int):
        raise InputError(f"seed is {seed!r}, not a whole number")
    config = {"checkpoint": checkpoint} if checkpoint else {}
    if model or backbone or checkpoint:
        variant = variant_of("" if variant == "baseline" else variant, model, backbone, config=config)
    names = {"name": backbone or model} if backbone or model else {}
    return ImportedRun(
        KIND, experiment, method, "cls", dataset, k_shot, seed, variant,
        model=names, config=config, categories=Deferred(),
    )  # fmt: skip


def _add(run: ImportedRun, piece: _Piece, before: list[_Piece]) -> None:
    """A category is checked at once, and scored when it is asked for."""
    if before:
        files = ", ".join(dict.fromkeys(str(known.path) for known in before))
        try:
            joined(_whole(before), piece.result())
        except InputError as error:
            raise InputError(f"it is in {files} already, {error}", SEPARATE) from error
    run.notes += piece.notes
    before.append(piece)
    run.categories.defer(piece.category, partial(_scored, before))  # type: ignore[attr-defined]
    run.files.add(piece.path)
    run.origins.setdefault(piece.category, piece.path)


def _whole(pieces: list[_Piece]) -> CategoryResult:
    whole = pieces[0].result()
    for piece in pieces[1:]:
        whole = joined(whole, piece.result())
    return whole


def _scored(pieces: list[_Piece]) -> CategoryResult:
    return with_numbers(_whole(pieces))
