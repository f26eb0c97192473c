"""Queries in, ResultSets out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from promptad_db.db import connect
from promptad_db.errors import QueryError
from promptad_db.result_set import ResultSet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptad_db.db.connect import Where
    from promptad_db.db.place import Place


def open_db(path: Where | None = None, read_only: bool = True) -> Database:  # noqa: FBT001, FBT002
    """Open a database: the argument (a DuckDB file or a PostgreSQL address), else PROMPTAD_DB, else ./promptad.duckdb.

    With ``read_only`` (the default) it must exist and have this version's schema, and its queries cannot change it nor
    reach files or the network; otherwise a missing one is made. No connection stays open between queries.

    Raises DatabaseError, with the command that mends it.
    """
    return Database(connect.database_path(path), read_only=read_only)


class Database:
    """A database that is opened, asked and closed again at every query."""

    def __init__(self, path: Place, *, read_only: bool = True) -> None:
        self.path = path
        self.read_only = read_only
        with self._connection():
            pass

    def query(self, sql: str, limit: int | None = None, **params: Any) -> ResultSet:
        """Run one SQL query with ``:name`` parameters; at most ``limit`` rows, and ``cut`` says if there were more.

        Raises QueryError with the database's own message when the query does not run, and for several read-only queries.
        """
        with self._connection() as connection:
            asked = str(sa.text(sql).compile(dialect=connection.dialect)) if params else sql
            options = self.path.options_for(connection, asked) if self.read_only else {}
            return user_query(connection, sql, params, limit, options)

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        if self.read_only:
            with connect.reading(self.path, guarded=True) as connection:
                yield connection
        else:
            with connect.writing(self.path) as connection:
                yield connection


def user_query(
    connection: sa.Connection, sql: str, params: dict[str, Any], limit: int | None, options: dict[str, Any]
) -> ResultSet:
    """Run SQL that a person wrote; what the database says against it becomes a QueryError."""
    if not sql.strip():
        raise QueryError("the query is empty")
    connection = connection.execution_options(**options)
    try:
        if params:
            result = connection.execute(sa.text(sql), params)
        else:  # without parameters a % is a character like others
            result = connection.exec_driver_sql(sql, execution_options={"no_parameters": True})
        with result:
            return _rows(result, limit) if result.returns_rows else ResultSet((), [])
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise
        raise QueryError(f"the query does not run: {str(error.orig).strip()}") from error
    except sa.exc.StatementError as error:
        raise QueryError(
            f"the query does not run: {error.orig or error.args[0]}", "give every :name a value"
        ) from error


def fetch(connection: sa.Connection, sql: str, **params: Any) -> ResultSet:
    """Run SQL of our own."""
    return _rows(execute(connection, sql, **params), None)


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


def _rows(result: sa.CursorResult[Any], limit: int | None) -> ResultSet:
    rows = [tuple(row) for row in (result.fetchall() if limit is None else result.fetchmany(limit + 1))]
    cut = limit is not None and len(rows) > limit
    return ResultSet(tuple(result.keys()), rows[:limit] if cut else rows, cut=cut)
