"""Queries in, ResultSets out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from promptad_db.db import connect
from promptad_db.errors import DatabaseError, QueryError
from promptad_db.result_set import ResultSet

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path


def open_db(path: str | os.PathLike[str] | None = None, read_only: bool = True) -> Database:  # noqa: FBT001, FBT002
    """Open a database: the argument, else PROMPTAD_DB, else ./promptad.duckdb.

    With ``read_only`` (the default) it must exist and have this version's schema, and its queries cannot change it nor
    reach files or the network; otherwise a missing one is made. No connection stays open between queries.

    Raises DatabaseError, with the command that mends it.
    """
    return Database(connect.database_path(path), read_only=read_only)


class Database:
    """A database that is opened, asked and closed again at every query."""

    def __init__(self, path: Path, *, read_only: bool = True) -> None:
        self.path = path
        self.read_only = read_only
        with self._connection():
            pass

    def query(self, sql: str, limit: int | None = None, **params: Any) -> ResultSet:
        """Run one SQL query with ``:name`` parameters; at most ``limit`` rows, and ``cut`` says if there were more.

        Raises QueryError with the database's own message when the query does not run, and for several read-only queries.
        """
        with self._connection() as connection:
            if self.read_only:
                _check_one(connection, sql)
            return user_query(connection, sql, params, limit)

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        if self.read_only:
            with connect.reading(self.path, guarded=True) as connection:
                yield connection
        else:
            with connect.writing(self.path) as connection:
                yield connection


def user_query(connection: sa.Connection, sql: str, params: dict[str, Any], limit: int | None) -> ResultSet:
    """Run SQL that a person wrote; what the database says against it becomes a QueryError."""
    if not sql.strip():
        raise QueryError("the query is empty")
    try:
        result = connection.execute(sa.text(sql), params) if params else connection.exec_driver_sql(sql)
        if not result.returns_rows:
            return ResultSet((), [])
        return _fetched(result, limit)
    except sa.exc.DBAPIError as error:
        raise QueryError(f"the query does not run: {str(error.orig).strip()}") from error
    except sa.exc.StatementError as error:
        raise QueryError(
            f"the query does not run: {error.orig or error.args[0]}", "give every :name a value"
        ) from error


def _check_one(connection: sa.Connection, sql: str) -> None:
    """Refuse several statements, of which DuckDB would answer the last alone."""
    import duckdb

    driver = connection.connection.driver_connection
    assert driver is not None
    try:
        count = len(driver.extract_statements(sql))
    except duckdb.Error:  # running it says what is wrong, and a :name is no error there
        return
    if count > 1:
        raise QueryError(f"the query does not run: {count} queries were given", "give one at a time")


def fetch(connection: sa.Connection, sql: str, **params: Any) -> ResultSet:
    """Run SQL of our own."""
    return _fetched(execute(connection, sql, **params), None)


def execute(connection: sa.Connection, sql: str, **params: Any) -> sa.CursorResult[Any]:
    """Run SQL of our own, its ``:name`` parameters written into it as quoted literals.

    To bind a Python value DuckDB imports pandas where it is installed, else numpy: a third of the time of a report.
    """
    statement = sa.text(sql).bindparams(
        *(sa.bindparam(name, value, _sql_type(value), literal_execute=True) for name, value in params.items())
    )
    return connection.execute(statement)


def _sql_type(value: Any) -> sa.types.TypeEngine[Any]:
    if isinstance(value, list):
        return sa.ARRAY(_sql_type(value[0]) if value else sa.String())
    types: dict[type, sa.types.TypeEngine[Any]] = {int: sa.BigInteger(), float: sa.Double()}
    return types.get(type(value), sa.String())


def _fetched(result: sa.CursorResult[Any], limit: int | None) -> ResultSet:
    try:
        rows = [tuple(row) for row in (result.fetchall() if limit is None else result.fetchmany(limit + 1))]
    except sa.exc.DBAPIError as error:
        raise DatabaseError(f"reading the answer failed: {error.orig}") from error
    cut = limit is not None and len(rows) > limit
    return ResultSet(tuple(result.keys()), rows[:limit] if cut else rows, cut=cut)
