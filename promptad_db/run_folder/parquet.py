"""Parquet files, checked before anything of them is believed: first their sizes, then their columns."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_FOOTER, LARGEST_NAMES, LARGEST_PAGE, LARGEST_UNPACKED, MOST_PAGES, PACKING
from promptad_db.run_folder.parquet_pages import (
    DELTA_BYTE_ARRAY,
    DELTA_LENGTH_BYTE_ARRAY,
    DICTIONARIES,
    chunks,
    footer_of,
    pages,
)
from promptad_db.storage.files import require_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import BinaryIO

    import pyarrow as pa
    import pyarrow.parquet as pq
    from numpy.typing import NDArray


_COLUMNS = {
    "images.parquet": {
        "image": "string", "defect_type": "string", "label": "integer", "branch": "string", "score": "floating",
    },
    "maps.parquet": {
        "image": "string", "branch": "string", "height": "integer", "width": "integer", "scores": "list of floats",
    },
    "masks.parquet": {"image": "string", "height": "integer", "width": "integer", "run_lengths": "list of int64"},
    "placements.parquet": {
        "image": "string", "level": "string", "branch": "string", "n_pos": "integer", "n_neg": "integer",
        "pos_sum": "floating", "neg_sum": "floating",
    },
}  # fmt: skip
_OPTIONAL = {"masks.parquet": {"thresholded": "boolean"}}
_MAY_BE_NULL = ("defect_type", "label")
_WIDEST_NUMBER = 12
_ROWS_AT_A_TIME = 1 << 15
_FOOTER_LIMITS = {"thrift_string_size_limit": LARGEST_FOOTER, "thrift_container_size_limit": LARGEST_FOOTER}


def read_parquet(path: Path) -> pa.Table:
    """A Parquet file of a category folder with the columns of our format; InputError for anything else."""
    require_file(path)
    try:
        table = read_columns(path, [*_COLUMNS[path.name], *_OPTIONAL.get(path.name, ())])
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    return _of_types(path, table)


def read_columns(path: Path, columns: Sequence[str]) -> pa.Table:
    """The columns of these names that a Parquet file has, texts as plain strings.

    What it would take in memory is known from its page headers before anything is decoded. Raises InputError, without
    the path, for a file that is damaged or takes more than the limits allow.
    """
    with opened(path, columns) as file:
        table = file.read(columns=list(columns))
        table.validate(full=True)
        return _without_dictionaries(table)


def read_batches(path: Path, columns: Sequence[str], most_rows: int) -> Iterator[pa.RecordBatch]:
    """The columns of these names, which a Parquet file has, some rows at a time; InputError as ``read_columns``.

    No column may be nested, so that a batch takes memory for its rows; texts are dictionaries, where those that stand in
    several rows of a batch may be stored once.
    """
    import pyarrow as pa

    with opened(path, columns, in_batches=True) as file:
        for name in columns:
            kind = file.schema_arrow.field(name).type
            if pa.types.is_nested(kind) or pa.types.is_fixed_size_binary(kind):
                raise InputError(f"column {name} is {kind}, neither texts nor numbers")
        if file.metadata.num_rows > most_rows:
            raise InputError(f"declares {file.metadata.num_rows:,} rows, more than {most_rows:,}")
        for batch in file.iter_batches(_ROWS_AT_A_TIME, columns=list(columns)):
            batch.validate(full=True)
            yield batch


def read_names(path: Path) -> list[str]:
    """The names of the columns of a Parquet file; OSError, ValueError or ArrowException for one that is damaged."""
    import pyarrow.parquet as pq

    with path.open("rb") as raw:
        footer_of(raw)
    with pq.ParquetFile(path, **_FOOTER_LIMITS) as file:
        return list(file.schema_arrow.names)


@contextmanager
def opened(path: Path, columns: Sequence[str], *, in_batches: bool = False) -> Iterator[pq.ParquetFile]:
    """A Parquet file whose footer and pages of these columns were found to be in order and small enough.

    All of the columns must fit into memory, or ``in_batches`` each page of them. InputError, without the path, for one
    that is not, and for what is found when it is read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as raw:
            footer = footer_of(raw)
            with pq.ParquetFile(path, **_FOOTER_LIMITS) as file:
                wanted = [leaf for leaf in file.schema if leaf.path.partition(".")[0] in columns]
            widths = {leaf.path: _width(leaf) for leaf in wanted}
            encodings = _checked_pages(raw, footer, widths, in_batches=in_batches)
        texts = [leaf.path for leaf in wanted if leaf.physical_type == "BYTE_ARRAY" and _once(encodings, leaf.path)]
        # A text that stands in many rows is stored, and so read, once.
        with pq.ParquetFile(path, read_dictionary=texts, **_FOOTER_LIMITS) as file:
            yield file
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError("not a readable Parquet file (a name is not UTF-8)") from error
    except (OSError, pa.ArrowException, ValueError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise InputError(f"not a readable Parquet file ({reason})") from error


def write_parquet(path: Path, table: pa.Table) -> None:
    """Write a table, compressed."""
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")


def by_branch(table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each branch in their order, the branches in the order of their first rows."""
    codes = table["branch"].combine_chunks().dictionary_encode()
    numbers = codes.indices.to_numpy()
    ordered = table.take(np.argsort(numbers, kind="stable"))
    start = 0
    for branch, count in zip(codes.dictionary.to_pylist(), np.bincount(numbers).tolist(), strict=True):
        yield branch, ordered.slice(start, count)
        start += count


def one_size(path: Path, table: pa.Table) -> tuple[int, int]:
    """The one height and width that all rows have, in pixels or cells of a grid."""
    sizes = set(zip(table["height"].to_pylist(), table["width"].to_pylist(), strict=True))
    if len(sizes) != 1 or any(not isinstance(edge, int) or edge < 1 for size in sizes for edge in size):
        raise InputError(f"{path}: the images of a category must have one size, found {sorted(sizes, key=str)[:3]}")
    height, width = sizes.pop()
    return height, width


def finite(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    """The values, none of which is NaN or infinite."""
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds NaN, infinite or missing scores")
    return values


def _checked_pages(
    raw: BinaryIO, footer: dict[int, Any], widths: dict[str, int], *, in_batches: bool
) -> dict[str, set[int]]:
    """How the pages of each column are encoded.

    Refuses a file whose pages become more than a file of its size should, or other than its footer declares.
    """
    file_size = raw.seek(0, os.SEEK_END)
    encodings: dict[str, set[int]] = {path: set() for path in widths}
    needed = unpacked = count = 0
    for chunk in chunks(footer):
        if chunk.column not in widths:
            continue
        values = 0
        for page in pages(raw, chunk):
            count += 1
            if count > MOST_PAGES:
                raise InputError(f"holds more than {MOST_PAGES:,} pages")
            encodings[chunk.column].add(page.encoding)
            values += page.values
            unpacked += page.unpacked
            if in_batches and page.unpacked > LARGEST_PAGE:
                raise InputError(f"declares a page of {page.unpacked:,} bytes, more than {LARGEST_PAGE:,}")
        if values != chunk.values or values < chunk.rows:
            raise InputError(f"{chunk.column} holds {values:,} values, but declares {chunk.values:,}")
        needed += 0 if in_batches else values * widths[chunk.column]
    allowed = max(LARGEST_UNPACKED, PACKING * file_size)
    if max(needed, unpacked) > allowed:
        raise InputError(
            f"declares {max(needed, unpacked):,} bytes, more than {allowed:,}, which a file of its size may"
        )
    return encodings


def _once(encodings: dict[str, set[int]], path: str) -> bool:
    """Whether the texts of a column can be read once each; where they cannot, each must be stored in full."""
    found = encodings[path]
    whole = DELTA_LENGTH_BYTE_ARRAY in found
    if DELTA_BYTE_ARRAY in found or (whole and not found.isdisjoint(DICTIONARIES)):
        raise InputError(f"the encoding of {path} is not read", "write it with use_dictionary=True, as pyarrow does")
    return not whole


def _width(leaf: Any) -> int:
    """The most bytes that a value of a column takes in memory; for a text, of the number that stands for it."""
    return max(_WIDEST_NUMBER, leaf.length) if leaf.physical_type == "FIXED_LEN_BYTE_ARRAY" else _WIDEST_NUMBER


def _without_dictionaries(table: pa.Table) -> pa.Table:
    """The table with plain texts, if they are not too large when each stands in its row."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for index, field in enumerate(table.schema):
        if not pa.types.is_dictionary(field.type):
            continue
        column = table.column(index)
        size = sum(
            pc.sum(pc.binary_length(chunk.dictionary).cast(pa.int64()).take(chunk.indices)).as_py() or 0
            for chunk in column.chunks
        )
        if size > LARGEST_NAMES:
            raise InputError(f"the texts of column {field.name} take {size:,} bytes, more than {LARGEST_NAMES:,}")
        table = table.set_column(index, field.name, column.cast(field.type.value_type))
    return table


def _of_types(path: Path, table: pa.Table) -> pa.Table:
    """The columns of our format, each once and of its type, without missing values where none may be."""
    import pyarrow as pa

    fits = {
        "string": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "integer": lambda kind: pa.types.is_integer(kind) or pa.types.is_null(kind),
        "floating": pa.types.is_floating,
        "list of floats": lambda kind: (
            _is_list(kind) and (pa.types.is_float32(kind.value_type) or pa.types.is_float64(kind.value_type))
        ),
        "boolean": pa.types.is_boolean,
        "list of int64": lambda kind: _is_list(kind) and pa.types.is_int64(kind.value_type),
    }
    missing = [name for name in _COLUMNS[path.name] if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: lacks the columns {', '.join(missing)}")
    optional = {name: kind for name, kind in _OPTIONAL.get(path.name, {}).items() if name in table.column_names}
    for name, wanted in {**_COLUMNS[path.name], **optional}.items():
        found = [field.type for field in table.schema if field.name == name]
        if len(found) > 1 or not fits[wanted](found[0]):
            raise InputError(f"{path}: column {name} is {', '.join(map(str, found))}, must be one {wanted}")
        if name not in _MAY_BE_NULL and table[name].null_count:
            raise InputError(f"{path}: column {name} has missing values")
    return table


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
