"""Rows as Arrow, the form in which they go into DuckDB and into files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from promptad_db.db.engine.backend import COPY_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from promptad_db.db.engine.tables import Columns

_ROWS_A_BATCH = 50_000
_TYPES: dict[type, pa.DataType] = {
    sa.String: pa.string(),
    sa.Integer: pa.int32(),
    sa.BigInteger: pa.int64(),
    sa.Double: pa.float64(),
    sa.DateTime: pa.timestamp("us"),
}
_POSTGRES_TYPES = {
    "bool": pa.bool_(),
    "int4": pa.int32(),
    "int8": pa.int64(),
    "float8": pa.float64(),
    "timestamp": pa.timestamp("us"),
}


def arrow_table(table: sa.Table, columns: Columns) -> pa.Table:
    """Rows of one of our tables, given column by column."""
    return pa.table(
        {column.name: pa.array(columns[column.name], _TYPES[type(column.type)]) for column in table.columns}
    )


def arrow_part(table: sa.Table, count: int, columns: dict[str, Any]) -> pa.Table:
    """``count`` rows of one of our tables, each column an array, or one value that all rows have."""
    arrays = {}
    for column in table.columns:
        given, kind = columns[column.name], _TYPES[type(column.type)]
        if isinstance(given, str):
            arrays[column.name] = names_of(np.zeros(count, np.int32), [given])
        elif given is None:
            arrays[column.name] = pa.nulls(count, kind)
        else:
            arrays[column.name] = given if isinstance(given, pa.Array) else pa.array(given, kind)
    return pa.table(arrays)


def names_of(codes: NDArray[np.int32], names: Sequence[str]) -> pa.DictionaryArray:
    """A name for each code, each name stored once: a row takes four bytes, however long its name is."""
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(names, pa.string()))


def stream(connection: sa.Connection, name: str) -> pa.RecordBatchReader:
    """All rows of a table or view in PostgreSQL, without holding them all at once."""
    driver: Any = connection.connection.driver_connection
    cursor = driver.cursor(name="export")
    cursor.execute(f"SELECT * FROM {name}")  # noqa: S608 - our own names
    types = driver.adapters.types
    schema = pa.schema(
        [(column.name, _POSTGRES_TYPES.get(types[column.type_code].name, pa.string())) for column in cursor.description]
    )

    def batches() -> Iterator[pa.RecordBatch]:
        with cursor:
            while rows := cursor.fetchmany(_ROWS_A_BATCH):
                arrays = [
                    pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), schema.types, strict=True)
                ]
                yield pa.record_batch(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, batches())


def write_file(rows: pa.RecordBatchReader, file: Path, file_format: str) -> None:
    """Write rows to a Parquet or CSV file as DuckDB writes its own."""
    import duckdb

    quoted = str(file).replace("'", "''")
    with duckdb.connect() as connection:
        connection.from_arrow(rows).create_view("outgoing")
        connection.execute(f"COPY (SELECT * FROM outgoing) TO '{quoted}' ({COPY_OPTIONS[file_format]})")  # noqa: S608
