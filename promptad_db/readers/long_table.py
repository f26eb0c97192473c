"""The long table: scores of any method, one row an image and branch, as CSV or Parquet.

    dataset,category,k_shot,seed,task,branch,image,label,score
    mvtec,bottle,1,111,cls,semantic,good/000.png,0,0.12
    mvtec,bottle,1,111,cls,memory,good/000.png,0,0.08

The columns stand in any order; ``experiment``, ``method``, ``variant`` and ``defect_type`` may stand beside them, ``seed``
may be missing. A category is taken whole or not at all: each of its branches must hold each of its images once.
"""

from __future__ import annotations

import codecs
import csv
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.readers.imported import ImportedRun, ImportOptions, Reject
from promptad_db.records import CategoryResult
from promptad_db.scoring import score_category

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

KIND = "long-table"
REQUIRED = ("dataset", "category", "k_shot", "task", "branch", "image", "label", "score")
OPTIONAL = ("seed", "experiment", "method", "variant", "defect_type")
RUN = ("experiment", "method", "variant", "dataset", "k_shot", "seed", "task")
LABELS = {"0": 0, "0.0": 0, "-0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1, "": None}
LARGEST_TABLE = 100_000_000

_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass
class _Table:
    """The rows of one file, and their lines in it (a range for Parquet, which has rows only).

    ``codes`` [rows] of a column point into its distinct ``values``, of which None is an empty one.
    """

    lines: Sequence[int]
    codes: dict[str, NDArray[np.int64]]
    values: dict[str, list[Any]]
    scores: NDArray[np.float64]
    given_scores: pa.ChunkedArray

    def value(self, column: str, row: int) -> Any:
        return self.values[column][self.codes[column][row]]

    def where(self, row: int) -> str:
        return f"{'row' if isinstance(self.lines, range) else 'line'} {self.lines[row]}"

    def categories(self) -> Iterator[NDArray[np.int64]]:
        """The rows of each category of each run, in the order of the file."""
        import pyarrow as pa

        keys = [*RUN, "category"]
        table = pa.table({key: self.codes[key] for key in keys} | {"row": np.arange(len(self.scores))})
        groups = table.group_by(keys, use_threads=False).aggregate([("row", "list")])
        yield from (group.values.to_numpy() for group in groups["row_list"])


def recognise(path: Path) -> bool:
    """A CSV or Parquet with the required columns; or a broken Parquet, as no other reader would say what is wrong."""
    try:
        return set(REQUIRED) <= set(_column_names(path))
    except InputError:
        return path.suffix == ".parquet"


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:
    """One run per experiment, method, variant, dataset, K and seed, also where several files hold its categories."""
    runs: dict[tuple[Any, ...], ImportedRun] = {}
    for path in sorted(paths):
        try:
            table = _load(path, options)
        except InputError as error:
            reject(path, str(error))
            continue
        for rows in table.categories():
            key = tuple(table.value(name, rows[0]) for name in RUN)
            try:
                run = runs.get(key) or _run(*key)
                _add(run, _category(table, rows), path)
                runs[key] = run
            except InputError as error:
                category, (*_, dataset, k_shot, seed, _task) = table.value("category", rows[0]), key
                reject(path, f"{category or 'no category'} ({dataset}, K = {k_shot}, seed {seed}): {error}")
    for key in sorted(runs, key=str):
        yield runs[key]


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
    return ImportedRun(KIND, experiment, method, "cls", dataset, k_shot, seed, variant)


def _add(run: ImportedRun, result: CategoryResult, path: Path) -> None:
    known = run.categories.setdefault(result.category, result)
    if _content(known) != _content(result):
        others = ", ".join(str(file) for file in sorted(run.files))
        raise InputError(f"it is in {others} already, with other scores; all of a category must be in one file")
    run.files.add(path)


def _content(result: CategoryResult) -> tuple[object, ...]:
    labels = None if result.labels is None else result.labels.tolist()
    scores = {branch: scores.tolist() for branch, scores in result.scores.items()}
    return result.images, labels, result.defect_types, scores


def _category(table: _Table, rows: NDArray[np.int64]) -> CategoryResult:
    """The scores of one category with their exact numbers; InputError for rows that do not fit together."""
    for column in ("category", "branch", "image"):
        values = table.values[column]
        empty = rows[table.codes[column][rows] == values.index(None)] if None in values else rows[:0]
        if empty.size:
            raise InputError(f"{table.where(empty[0])}: {column} is empty")
    bad = rows[~np.isfinite(table.scores[rows])]
    if bad.size:
        score = table.given_scores[int(bad[0])].as_py()
        raise InputError(f"{table.where(bad[0])}: score {score!r} is not a finite number")
    first, image_of_row = _images(table, rows)
    result = CategoryResult(table.value("category", rows[0]), [table.value("image", row) for row in first])
    result.scores = dict(_branches(table, rows, image_of_row, result.images))
    for column in ("label", "defect_type"):
        codes = table.codes[column]
        other = rows[codes[rows] != codes[first][image_of_row]]
        if other.size:
            row, image = other[0], table.value("image", other[0])
            raise InputError(f"{table.where(row)}: another {column} of image {image!r} than further up")
    result.labels = _labels(table, first)
    defect_types = [table.value("defect_type", row) for row in first]
    result.defect_types = defect_types if any(defect_types) else None
    result.metrics = score_category(result, None)
    return result


def _images(table: _Table, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The first row of each image, in the order of the file, and for each row the number of its image."""
    _, first, number = np.unique(table.codes["image"][rows], return_index=True, return_inverse=True)
    order = np.argsort(first)
    return rows[first[order]], np.argsort(order)[number]


def _branches(
    table: _Table, rows: NDArray[np.int64], image_of_row: NDArray[np.int64], images: list[str]
) -> Iterator[tuple[str, NDArray[np.float64]]]:
    codes = table.codes["branch"][rows]
    for code in dict.fromkeys(codes.tolist()):
        branch, mine = table.values["branch"][code], codes == code
        times = np.bincount(image_of_row[mine], minlength=len(images))
        if times.max() > 1:
            image = int(np.argmax(times))
            second = rows[mine & (image_of_row == image)][1]
            raise InputError(f"{table.where(second)}: image {images[image]!r} stands twice in branch {branch!r}")
        if not times.all():
            lacking = np.flatnonzero(times == 0)
            raise InputError(f"branch {branch!r} lacks {lacking.size} images, such as {images[lacking[0]]!r}")
        scores = np.empty(len(images))
        scores[image_of_row[mine]] = table.scores[rows[mine]]
        yield branch, scores


def _labels(table: _Table, first: NDArray[np.int64]) -> NDArray[np.int8] | None:
    labels = [table.value("label", row) for row in first]
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


def _load(path: Path, options: ImportOptions) -> _Table:
    import pyarrow as pa

    names = _column_names(path)
    missing = [name for name in REQUIRED if name not in names]
    columns = [name for name in (*REQUIRED, *OPTIONAL) if name in names]
    double = [name for name in columns if names.count(name) > 1]
    if missing or double:
        raise InputError(f"lacks the columns {', '.join(missing)}" if missing else f"has the column {double[0]} twice")
    default = {
        "experiment": options.experiment or path.stem,
        "method": options.method or "unknown",
        "variant": "baseline",
        "dataset": options.dataset,
        "k_shot": options.k_shot,
        "seed": options.seed,
    }
    with _reading(path):
        given, lines = _parquet(path, columns) if path.suffix == ".parquet" else _csv(path, columns)
        if not given.num_rows:
            raise InputError("holds no rows")
        table = _Table(lines, {}, {}, _numbers(given["score"]), given["score"])
        absent = pa.chunked_array([pa.nulls(given.num_rows, pa.string())])
        for name in (*REQUIRED[:-1], *OPTIONAL):
            column = given[name] if name in columns else absent
            table.codes[name], table.values[name] = _coded(column, name, default.get(name))
    return table


def _coded(column: pa.ChunkedArray, name: str, default: object) -> tuple[NDArray[np.int64], list[Any]]:
    import pyarrow as pa

    encoded = column.cast(pa.string()).fill_null("").dictionary_encode().combine_chunks()
    meant = [_meaning(name, text, default) for text in encoded.dictionary.to_pylist()]
    place = {value: number for number, value in enumerate(dict.fromkeys(meant))}
    return np.array([place[value] for value in meant], dtype=np.int64)[encoded.indices.to_numpy()], list(place)


def _meaning(name: str, text: str, default: object) -> object:
    word = text.strip()
    if not word:
        return default
    if name in ("k_shot", "seed"):
        return int(word.split(".")[0]) if _WHOLE.fullmatch(word) else text
    return LABELS.get(word.lower(), text) if name == "label" else text


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Scores as they are or as text tells them; NaN where there is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        column = pc.if_else(pc.match_substring_regex(text, _NUMBER), text, None)
    scores: NDArray[np.float64] = column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy()
    return scores


def _parquet(path: Path, columns: list[str]) -> tuple[pa.Table, range]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows > LARGEST_TABLE:
            raise InputError(f"declares {file.metadata.num_rows:,} rows, more than {LARGEST_TABLE:,}")
        table = file.read(columns=columns)
    table.validate(full=True)
    return table, range(1, table.num_rows + 1)


def _csv(path: Path, columns: list[str]) -> tuple[pa.Table, list[int]]:
    """The columns as text, and the line of each row. Arrow reads them quickly, the csv module reads them strictly."""
    import pyarrow as pa
    import pyarrow.csv as pacsv

    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, strict=True)
        width, lines = len(next(reader)), []
        for cells in reader:
            if len(cells) == width:
                lines.append(reader.line_num)
            elif cells:
                raise InputError(
                    f"line {reader.line_num} has {len(cells)} cells, the header {width}; nothing of it is taken"
                )
    table = pacsv.read_csv(
        path,
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string())),
    )
    if table.num_rows != len(lines):
        raise InputError("its quotes or line ends can be read in more than one way")
    return table, lines


def _column_names(path: Path) -> list[str]:
    """The header; InputError when the file is not readable as what its name says."""
    import pyarrow.parquet as pq

    with _reading(path):
        if path.suffix == ".parquet":
            return list(pq.read_schema(path).names)
        if path.suffix == ".csv":
            with path.open("rb") as file:
                head = file.read(1 << 16)
            encoding = "utf-16" if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
            return next(csv.reader(head.decode(encoding, errors="replace").splitlines()), [])
    return []


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever the readers of CSV and Parquet find wrong with a file, as an InputError."""
    import pyarrow as pa

    try:
        yield
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text") from error
    except (OSError, csv.Error, pa.ArrowException, ValueError) as error:
        reason = (str(error).splitlines() or [""])[0][:120]
        raise InputError(f"not a readable {path.suffix[1:]} file ({reason})") from error
