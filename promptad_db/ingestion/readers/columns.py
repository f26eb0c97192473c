"""The columns of a long table: for each row a number that says which of a column's distinct values it holds, and the score.

A file is read some rows at a time, of which only numbers are kept.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.distinct import Distinct, encoded
from promptad_db.ingestion.readers.plausibility import is_mean
from promptad_db.ingestion.readers.table_shape import RUN
from promptad_db.limits import LARGEST_TABLE, MOST_CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from promptad_db.ingestion.readers.table_shape import Shape

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
    that is no finite number is NaN, and the first of those are among ``no_numbers``, by row, as they were given. Rows
    that are ``blank`` hold nothing, or means of others.
    """

    lines: Sequence[int]
    scores: NDArray[np.float64]
    no_numbers: dict[int, Any]
    codes: dict[str, NDArray[np.int32]] = field(default_factory=dict)
    values: dict[str, list[Any] | pa.StringArray] = field(default_factory=dict)
    empty: dict[str, int] = field(default_factory=dict)
    unit: str = "line"

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
        return f"{self.unit} {self.lines[row]}"

    @cached_property
    def blank(self) -> NDArray[np.bool_]:
        """The rows without an image whose other cells are empty as well, or whose category is called mean."""
        empty = {name: self.codes[name] == self.empty.get(name, -1) for name in ("category", "image", "label")}
        nothing = np.logical_and.reduce([*empty.values(), np.isnan(self.scores)])
        means = [number for number, name in enumerate(self.values["category"]) if name and is_mean(name)]
        blank: NDArray[np.bool_] = nothing | (empty["image"] & np.isin(self.codes["category"], means))
        return blank

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
            rows = ordered[start:end]
            rows = rows[~self.blank[rows]]
            if rows.size:
                yield rows


def melted(table: Table, branches: Sequence[str]) -> Table:
    """A table with a column of scores for each branch as one with a row for each image and branch."""
    rows, count = len(table.lines), len(branches)
    codes = {
        name: np.broadcast_to(np.int32(0), rows * count) if len(table.values[name]) == 1 else np.tile(numbers, count)
        for name, numbers in table.codes.items()
    }
    codes["branch"] = np.repeat(np.arange(count, dtype=np.int32), rows)
    values = table.values | {"branch": list(branches)}
    empty = {name: number for name, number in table.empty.items() if name != "branch"}
    lines: Any = np.tile(np.asarray(table.lines), count)
    return Table(lines, table.scores, table.no_numbers, codes, values, empty, table.unit)


def first_come(numbers: NDArray[Any]) -> tuple[NDArray[np.int32], int]:
    """The numbers replaced by 0, 1, 2 ... in the order of their first places, and how many there are."""
    import pyarrow as pa

    found = pa.array(numbers).dictionary_encode()
    return found.indices.to_numpy(), len(found.dictionary)


def gathered(
    batches: Iterator[pa.RecordBatch], shape: Shape, in_file: Sequence[str]
) -> tuple[Table, dict[str, Distinct]]:
    """The scores of all rows, column after column, and the other columns as they are given.

    ``in_file`` are the names that the columns and scores of the shape have in the file.
    """
    found = {name: Distinct(name, LARGEST_TABLE if name in _BY_IMAGE else MOST_CATEGORIES) for name in shape.columns}
    scores: list[list[NDArray[np.float64]]] = [[] for _ in shape.scores]
    no_numbers: list[dict[int, Any]] = [{} for _ in shape.scores]
    rows = 0
    for batch in batches:
        if (rows + batch.num_rows) * len(shape.scores) > LARGEST_TABLE:
            raise InputError(f"holds more than {LARGEST_TABLE:,} rows")
        for column, name in zip(found.values(), in_file, strict=False):
            column.add(batch.column(name))
        for index, name in enumerate(in_file[len(found) :]):
            values = batch.column(name)
            scores[index].append(_numbers(values))
            bad = np.flatnonzero(~np.isfinite(scores[index][-1]))[: _QUOTED - len(no_numbers[index])]
            no_numbers[index] |= {rows + row: values[row].as_py() for row in bad.tolist()}
        rows += batch.num_rows
    if not rows:
        raise InputError("holds no rows")
    quoted = {index * rows + row: text for index, some in enumerate(no_numbers) for row, text in some.items()}
    return Table(range(0), np.concatenate([part for column in scores for part in column]), quoted), found


def put(table: Table, name: str, column: Distinct | None, default: object) -> None:
    """The codes and values of a column, None for one that the file lacks."""
    if column is None:
        table.codes[name], table.values[name] = np.broadcast_to(np.int32(0), len(table.lines)), [default]
    elif name in _BY_IMAGE:
        _put_texts(table, name, *column.texts())
        return
    else:
        codes, texts = column.texts()
        meant = [meaning(name, text, default) for text in texts.to_pylist()]
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


def meaning(name: str, text: str, default: object) -> object:
    """What a text means in a column: a whole number, a label, a name, or the default where it is blank."""
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
