"""A CSV or Parquet file as columns of distinct values, read strictly: a row that is broken is never passed over.

It is read some rows at a time, of which only numbers are kept: the score, and for each column which of its values it is.
"""

from __future__ import annotations

import codecs
import csv
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.csv_batches import csv_batches, strict_lines
from promptad_db.ingestion.readers.distinct import Distinct, encoded
from promptad_db.limits import LARGEST_TABLE, LARGEST_TABLE_FILE, MOST_CATEGORIES
from promptad_db.run_folder.parquet import read_batches, read_names
from promptad_db.storage.files import require_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from promptad_db.ingestion.readers.imported import ImportOptions

REQUIRED = ("dataset", "category", "k_shot", "task", "branch", "image", "label", "score")
OPTIONAL = ("seed", "experiment", "method", "variant", "defect_type")
RUN = ("experiment", "method", "variant", "dataset", "k_shot", "seed", "task")
LABELS = {"0": 0, "0.0": 0, "-0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1, "": None}

_BY_IMAGE = ("image", "defect_type")
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
_QUOTED = 10_000  # scores that are no numbers and are shown in messages
_SLICE = 1 << 16


@dataclass
class Table:
    """The rows of one file, and their lines in it (a range for Parquet, which has rows only).

    ``codes`` [rows] of a column point into its distinct ``values``, of which None, at ``empty``, is an empty one. A score
    that is no finite number is NaN, and the first of those are among ``no_numbers``, by row, as they were given.
    """

    lines: Sequence[int]
    scores: NDArray[np.float64]
    no_numbers: dict[int, Any]
    codes: dict[str, NDArray[np.int32]] = field(default_factory=dict)
    values: dict[str, list[Any] | pa.StringArray] = field(default_factory=dict)
    empty: dict[str, int] = field(default_factory=dict)

    def value(self, column: str, row: int) -> Any:
        return self.listed(column, self.codes[column][[row]])[0]

    def listed(self, column: str, codes: NDArray[np.int32]) -> list[Any]:
        """The values of these codes."""
        values = self.values[column]
        return [values[code] for code in codes] if isinstance(values, list) else values.take(codes).to_pylist()

    def image_bytes(self, rows: NDArray[np.int64]) -> int:
        """The bytes of the names of the images in these rows, each as often as it stands there."""
        return int(self._lengths[self.codes["image"][rows]].sum())

    @cached_property
    def _lengths(self) -> NDArray[np.int64]:
        import pyarrow.compute as pc

        lengths: NDArray[np.int64] = pc.binary_length(self.values["image"]).fill_null(0).to_numpy()
        return lengths

    def where(self, row: int) -> str:
        return f"{'row' if isinstance(self.lines, range) else 'line'} {self.lines[row]}"

    def categories(self) -> Iterator[NDArray[np.int64]]:
        """The rows of each category of each run, in the order of the file; InputError when there are too many."""
        group, count = np.zeros(len(self.scores), dtype=np.int32), 1
        for name in (*RUN, "category"):
            if len(self.values[name]) > 1:
                group, count = first_come(group * np.int64(len(self.values[name])) + self.codes[name])
        if count > MOST_CATEGORIES:
            raise InputError(f"holds {count:,} categories of all runs, more than {MOST_CATEGORIES:,}")
        ordered = np.argsort(group, kind="stable")
        ends = np.cumsum(np.bincount(group, minlength=count))
        for start, end in zip([0, *ends[:-1]], ends, strict=True):
            yield ordered[start:end]


def first_come(numbers: NDArray[Any]) -> tuple[NDArray[np.int32], int]:
    """The numbers replaced by 0, 1, 2 ... in the order of their first places, and how many there are."""
    import pyarrow as pa

    found = pa.array(numbers).dictionary_encode()
    return found.indices.to_numpy(), len(found.dictionary)


def load(path: Path, options: ImportOptions) -> Table:
    """The long table of a file; options stand in for what it leaves empty. InputError for a file that is broken."""
    names = column_names(path)
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
        lines = None if path.suffix == ".parquet" else strict_lines(path)
        batches = read_batches(path, columns, LARGEST_TABLE) if lines is None else csv_batches(path, columns)
        table, found = _gathered(batches, columns)
        rows = len(table.scores)
        if lines is not None and rows != len(lines):
            raise InputError("its quotes or line ends can be read in more than one way")
        table.lines = range(1, rows + 1) if lines is None else lines
        for name in (*REQUIRED[:-1], *OPTIONAL):
            _put(table, name, found.pop(name, None), default.get(name))
    return table


def _gathered(batches: Iterator[pa.RecordBatch], columns: Sequence[str]) -> tuple[Table, dict[str, Distinct]]:
    """The scores of all rows, and the other columns as they are given."""
    found = {
        name: Distinct(name, LARGEST_TABLE if name in _BY_IMAGE else MOST_CATEGORIES)
        for name in columns
        if name != "score"
    }
    scores: list[NDArray[np.float64]] = []
    no_numbers: dict[int, Any] = {}
    rows = 0
    for batch in batches:
        if rows + batch.num_rows > LARGEST_TABLE:
            raise InputError(f"holds more than {LARGEST_TABLE:,} rows")
        for name, column in found.items():
            column.add(batch.column(name))
        scores.append(_numbers(batch.column("score")))
        for row in np.flatnonzero(~np.isfinite(scores[-1]))[: _QUOTED - len(no_numbers)].tolist():
            no_numbers[rows + row] = batch.column("score")[row].as_py()
        rows += batch.num_rows
    if not rows:
        raise InputError("holds no rows")
    return Table(range(0), np.concatenate(scores), no_numbers), found


def _put(table: Table, name: str, column: Distinct | None, default: object) -> None:
    """The codes and values of a column, None for one that the file lacks."""
    if column is None:
        table.codes[name], table.values[name] = np.broadcast_to(np.int32(0), len(table.scores)), [default]
    elif name in _BY_IMAGE:
        _put_texts(table, name, *column.texts())
        return
    else:
        codes, texts = column.texts()
        meant = [_meaning(name, text, default) for text in texts.to_pylist()]
        place = {value: number for number, value in enumerate(dict.fromkeys(meant))}
        merged = len(place) < len(meant)
        table.codes[name] = np.array([place[value] for value in meant], np.int32)[codes] if merged else codes
        table.values[name] = list(place)
    if None in (values := table.values[name]):
        table.empty[name] = values.index(None)


def _put_texts(table: Table, name: str, codes: NDArray[np.int32], texts: pa.StringArray) -> None:
    """A column with as many values as there are images, which stay where Arrow has them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    slices = (texts.slice(start, _SLICE).to_pylist() for start in range(0, len(texts), _SLICE))
    blank = np.fromiter((not text.strip() for some in slices for text in some), bool, len(texts))
    table.codes[name], table.values[name] = codes, texts
    if blank.any():
        table.empty[name] = int(np.argmax(blank))
        table.codes[name] = np.where(blank, table.empty[name], np.arange(len(texts))).astype(np.int32)[codes]
        table.values[name] = pc.if_else(pa.array(blank), None, texts)


def _meaning(name: str, text: str, default: object) -> object:
    word = text.strip()
    if not word:
        return default
    if name in ("k_shot", "seed"):
        return int(word.split(".")[0]) if _WHOLE.fullmatch(word) else text
    return LABELS.get(word.lower(), text) if name == "label" else text


def _numbers(column: pa.Array) -> NDArray[np.float64]:
    """Scores as they are or as text tells them; NaN where there is no number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_floating(column.type) or pa.types.is_integer(column.type):
        return _doubles(column)
    part = encoded(column, "score")
    text = pc.utf8_trim_whitespace(part.dictionary)
    distinct = _doubles(pc.if_else(pc.match_substring_regex(text, _NUMBER), text, None))
    numbers: NDArray[np.float64] = distinct[part.indices.to_numpy()]
    return numbers


def _doubles(column: pa.Array) -> NDArray[np.float64]:
    import pyarrow as pa

    doubles: NDArray[np.float64] = column.cast(pa.float64(), safe=False).fill_null(np.nan).to_numpy()
    return doubles


def column_names(path: Path) -> list[str]:
    """The header; InputError when the file is not readable as what its name says."""
    with _reading(path):
        if path.suffix == ".parquet":
            return read_names(path)
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

    require_file(path, LARGEST_TABLE_FILE if path.suffix == ".csv" else None)
    try:
        yield
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError("not UTF-8 text") from error
    except (OSError, csv.Error, pa.ArrowException, ValueError) as error:
        reason = (str(error).splitlines() or [""])[0][:120]
        raise InputError(f"not a readable {path.suffix[1:]} file ({reason})") from error
