"""The Parquet files of a category folder: their columns, checked before anything is believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa
    from numpy.typing import NDArray


LARGEST_CATEGORY = 1 << 31


_COLUMNS = {
    "images.parquet": {
        "image": "string", "defect_type": "string", "label": "integer", "branch": "string", "score": "floating",
    },
    "maps.parquet": {
        "image": "string", "branch": "string", "height": "integer", "width": "integer", "scores": "list of float",
    },
    "masks.parquet": {"image": "string", "height": "integer", "width": "integer", "run_lengths": "list of int64"},
}  # fmt: skip


_MAY_BE_NULL = ("defect_type", "label")


def read_parquet(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            groups = [file.metadata.row_group(index) for index in range(file.num_row_groups)]
            declared = sum(group.column(index).num_values for group in groups for index in range(group.num_columns))
            if declared > LARGEST_CATEGORY:
                raise InputError(f"{path}: declares {declared:,} values, more than a category can hold")
            table = file.read()
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path}: not a readable Parquet file ({str(error).splitlines()[0][:120]})") from error
    missing = [name for name in _COLUMNS[path.name] if name not in table.column_names]
    if missing:
        raise InputError(f"{path}: lacks the columns {', '.join(missing)}")
    return _of_types(path, table)


def write_parquet(path: Path, table: pa.Table) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd")


def one_size(path: Path, table: pa.Table) -> tuple[int, int]:
    sizes = set(zip(table["height"].to_pylist(), table["width"].to_pylist(), strict=True))
    if len(sizes) != 1 or any(not isinstance(edge, int) or edge < 1 for size in sizes for edge in size):
        raise InputError(f"{path}: the images of a category must have one size, found {sorted(sizes, key=str)[:3]}")
    height, width = sizes.pop()
    return height, width


def finite(path: Path, values: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(values).all():
        raise InputError(f"{path}: holds NaN, infinite or missing scores")
    return values


def _of_types(path: Path, table: pa.Table) -> pa.Table:
    """The columns of our format, each once and of its type, without missing values where none may be."""
    import pyarrow as pa

    fits = {
        "string": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "integer": lambda kind: pa.types.is_integer(kind) or pa.types.is_null(kind),
        "floating": pa.types.is_floating,
        "list of float": lambda kind: _is_list(kind) and pa.types.is_float32(kind.value_type),
        "list of int64": lambda kind: _is_list(kind) and pa.types.is_int64(kind.value_type),
    }
    for name, wanted in _COLUMNS[path.name].items():
        found = [field.type for field in table.schema if field.name == name]
        if len(found) > 1 or not fits[wanted](found[0]):
            raise InputError(f"{path}: column {name} is {', '.join(map(str, found))}, must be one {wanted}")
        if name not in _MAY_BE_NULL and table[name].null_count:
            raise InputError(f"{path}: column {name} has missing values")
    return table


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
