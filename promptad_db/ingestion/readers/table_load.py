"""A long table out of a CSV or Parquet file, read strictly: a row that is broken is never passed over."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.columns import Table, gathered, meaning, melted, put
from promptad_db.ingestion.readers.csv_batches import csv_batches, strict_lines
from promptad_db.ingestion.readers.plain_csv import plain_csv
from promptad_db.ingestion.readers.table_files import (
    COMPRESSIONS,
    CONVERT,
    NOT_UTF8,
    csv_header,
    is_parquet,
    is_separated,
    partitions,
    spelled,
    table_suffix,
)
from promptad_db.ingestion.readers.table_shape import OPTIONAL, REQUIRED, Shape, shape_of
from promptad_db.limits import LARGEST_TABLE, LARGEST_TABLE_FILE
from promptad_db.run_folder.parquet import read_batches, read_names
from promptad_db.storage.files import require_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptad_db.ingestion.readers.distinct import Distinct
    from promptad_db.ingestion.readers.imported import ImportOptions

_SHOWN = 5


def load(path: Path, options: ImportOptions) -> Table:
    """The long table of a file; options stand in for what it leaves empty. InputError for a file that is broken."""
    names = column_names(path)
    shape = shape_of(names)
    if not shape.complete(set(partitions(path))):
        raise InputError(f"lacks the columns {', '.join(shape.lacking)}")
    double = [name for name in (*shape.columns, *shape.scores) if names.count(name) > 1]
    if double or len(set(shape.branches or ())) < len(shape.branches or ()):
        raise InputError(f"has the column {(double or shape.scores)[0]} twice")
    with _reading(path):
        if is_parquet(path):
            written = read_names(path)
            in_file = [written[names.index(name)] for name in (*shape.columns, *shape.scores)]
            table, found = gathered(read_batches(path, in_file, LARGEST_TABLE), shape, in_file)
            table.lines, table.unit = range(1, len(table.scores) // len(shape.scores) + 1), "row"
        else:
            table, found = _separated(path, names, shape)
    default = {"task": None if "task" in shape.columns else "cls"} | _defaults(path, options)
    for name in (*REQUIRED[:-1], *OPTIONAL):
        put(table, name, found.pop(name, None), default.get(name))
    _put_method(table, options.method)
    return table if shape.branches is None else melted(table, shape.branches)


def _separated(path: Path, names: Sequence[str], shape: Shape) -> tuple[Table, dict[str, Distinct]]:
    with plain_csv(path, shape.scores) as plain:
        lines = strict_lines(plain)
        written = read_header(plain)
        in_file = [written[names.index(name)] for name in (*shape.columns, *shape.scores)]
        table, found = gathered(csv_batches(plain, in_file), shape, in_file)
    if len(table.scores) != len(lines) * len(shape.scores):
        raise InputError("its quotes or line ends can be read in more than one way")
    table.lines = lines
    return table, found


def _defaults(path: Path, options: ImportOptions) -> dict[str, object]:
    """What stands for empty cells: what the folders tell, else the options."""
    told = {name: meaning(name, text, None) for name, text in partitions(path).items()}
    return {
        "experiment": options.experiment or default_experiment(path),
        "method": options.method or "unknown",
        "variant": "baseline",
        "dataset": options.dataset,
        "k_shot": options.k_shot,
        "seed": options.seed,
        **{name: value for name, value in told.items() if value is not None},
    }


def default_experiment(path: Path) -> str:
    """The name of the file without its suffixes, of a part of a partitioned table that of the table's folder."""
    depth = len(partitions(path))
    if depth:
        return path.resolve().parents[depth].name or path.stem
    return path.name.removesuffix("".join(path.suffixes[-2:])) if path.suffix.lower() in COMPRESSIONS else path.stem


def _put_method(table: Table, method: str | None) -> None:
    """The method that the user names, unless the file holds several, which it would make one."""
    if method is None:
        return
    names = [name for name in table.values["method"] if name is not None]
    if len(names) > 1:
        raise InputError(
            f"holds the methods {', '.join(map(str, names[:_SHOWN]))}, which are not one", "leave --method out"
        )
    table.codes["method"], table.values["method"] = np.broadcast_to(np.int32(0), table.codes["image"].shape), [method]


def column_names(path: Path) -> list[str]:
    """The header, with the names that a long table knows as they are spelled here; InputError when the file is not
    readable as what its name says.
    """
    with _reading(path):
        if is_parquet(path):
            return spelled(read_names(path), (*REQUIRED, *OPTIONAL))
        return csv_header(path, (*REQUIRED, *OPTIONAL))


def read_header(plain: Path) -> list[str]:
    """The names in a plain file as they stand there."""
    with plain.open(newline="", encoding="utf-8-sig") as file:
        return next((cells for cells in csv.reader(file) if cells), [])


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Whatever the readers of CSV and Parquet find wrong with a file, as an InputError."""
    import pyarrow as pa

    require_file(path, LARGEST_TABLE_FILE if is_separated(path) else None)
    try:
        yield
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(NOT_UTF8, CONVERT) from error
    except (OSError, csv.Error, pa.ArrowException, ValueError) as error:
        reason = (str(error).splitlines() or [""])[0][:120]
        raise InputError(f"not a readable {table_suffix(path)[1:]} file ({reason})") from error
