"""A CSV or Parquet file as columns of distinct values, read strictly: a row that is broken is never passed over."""

from __future__ import annotations

import codecs
import csv
import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.files import require_file
from promptad_db.limits import LARGEST_TABLE, LARGEST_TABLE_FILE
from promptad_db.parquet_files import read_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray

    from promptad_db.readers.imported import ImportOptions

REQUIRED = ("dataset", "category", "k_shot", "task", "branch", "image", "label", "score")
OPTIONAL = ("seed", "experiment", "method", "variant", "defect_type")
RUN = ("experiment", "method", "variant", "dataset", "k_shot", "seed", "task")
LABELS = {"0": 0, "0.0": 0, "-0": 0, "false": 0, "1": 1, "1.0": 1, "true": 1, "": None}

_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0*)?")
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"


@dataclass
class Table:
    """The rows of one file, and their lines in it (a range for Parquet, which has rows only).

    ``codes`` [rows] of a column point into its distinct ``values``, of which None, at ``empty``, is an empty one.
    """

    lines: Sequence[int]
    codes: dict[str, NDArray[np.int64]]
    values: dict[str, list[Any]]
    scores: NDArray[np.float64]
    given_scores: pa.ChunkedArray
    empty: dict[str, int] = field(default_factory=dict)

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


def load(path: Path, options: ImportOptions) -> Table:
    """The long table of a file; options stand in for what it leaves empty. InputError for a file that is broken."""
    import pyarrow as pa

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
        given, lines = _parquet(path, columns) if path.suffix == ".parquet" else _csv(path, columns)
        if not given.num_rows:
            raise InputError("holds no rows")
        table = Table(lines, {}, {}, _numbers(given["score"]), given["score"])
        absent = pa.chunked_array([pa.nulls(given.num_rows, pa.string())])
        for name in (*REQUIRED[:-1], *OPTIONAL):
            column = given[name] if name in columns else absent
            table.codes[name], table.values[name] = _coded(column, name, default.get(name))
            if None in table.values[name]:
                table.empty[name] = table.values[name].index(None)
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
    table = read_columns(path, columns, LARGEST_TABLE)
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
            if len(lines) > LARGEST_TABLE:
                raise InputError(f"holds more than {LARGEST_TABLE:,} rows")
    table = pacsv.read_csv(
        path,
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string())),
    )
    if table.num_rows != len(lines):
        raise InputError("its quotes or line ends can be read in more than one way")
    return table, lines


def column_names(path: Path) -> list[str]:
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
