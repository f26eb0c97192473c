"""Many rows into a table at once: through Arrow in DuckDB, by COPY in PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptad_db.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    import sqlalchemy as sa

    from promptad_db.db.engine.tables import Columns

_ROWS_A_BATCH = 50_000


def insert(connection: sa.Connection, table: sa.Table, columns: Columns) -> None:
    """Insert rows, given column by column, in the connection's transaction.

    Raises InputError when the database refuses what they hold: doubles, or a text that it cannot store.
    """
    if not columns or not next(iter(columns.values())):
        return
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        _by_copy(driver, table, columns)
    else:
        _through_arrow(driver, table, columns)


def insert_parts(connection: sa.Connection, table: sa.Table, parts: Sequence[pa.Table]) -> None:
    """As ``insert``, for rows in parts as ``arrow_part`` makes them."""
    if not parts:
        return
    import pyarrow as pa

    rows = pa.concat_tables(parts).combine_chunks()  # DuckDB reads thousands of small chunks three times slower
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        for batch in rows.to_batches(max_chunksize=_ROWS_A_BATCH):
            _by_copy(driver, table, {name: batch.column(name).to_pylist() for name in rows.column_names})
    else:
        _register_and_insert(driver, table, rows)


def _through_arrow(driver: Any, table: sa.Table, columns: Columns) -> None:
    from promptad_db.db.engine.arrow import arrow_table

    _register_and_insert(driver, table, arrow_table(table, columns))


def _register_and_insert(driver: Any, table: sa.Table, rows: pa.Table) -> None:
    driver.register("incoming", rows)
    try:
        driver.execute(f"INSERT INTO {table.name} SELECT * FROM incoming")  # noqa: S608 - our own names
    finally:
        driver.unregister("incoming")


def _by_copy(driver: Any, table: sa.Table, columns: Columns) -> None:
    import psycopg

    names = ", ".join(f'"{column.name}"' for column in table.columns)
    values = [columns[column.name] for column in table.columns]
    try:
        with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            for row in zip(*values, strict=True):
                copy.write_row(row)
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"PostgreSQL does not take its {table.name} ({reason})") from error
