"""Queries in, ResultSets out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from promptad_db.db.engine import connect
from promptad_db.db.engine.backend import Question
from promptad_db.db.guard.bounds import Bounds
from promptad_db.db.guard.leading_words import first_word, is_blank
from promptad_db.errors import QueryError, UsageError
from promptad_db.limits import QUERY_MEMORY, QUERY_SECONDS
from promptad_db.result_set import ResultSet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from promptad_db.db.engine.backend import Backend
    from promptad_db.db.engine.connect import Where


def open_db(
    path: Where | None = None,
    read_only: bool = True,  # noqa: FBT001, FBT002
    *,
    timeout: float | None = QUERY_SECONDS,
    memory: int = QUERY_MEMORY,
) -> Database:
    """Open a database: the argument (a DuckDB file or a PostgreSQL address), else PROMPTAD_DB, else ./promptad.duckdb.

    With ``read_only`` (the default) it must exist and have this version's schema, and its queries cannot change it nor
    reach files or the network; each is ended after ``timeout`` seconds (None: never) and when it needs more than
    ``memory`` bytes. Otherwise a missing one is made. No connection stays open between queries.

    Raises DatabaseError, with the command that fixes it.
    """
    return Database(connect.database_path(path), read_only=read_only, bounds=Bounds(timeout, memory))


class Database:
    """A database that is opened, asked and closed again at every query."""

    def __init__(self, path: Backend, *, read_only: bool = True, bounds: Bounds | None = None) -> None:
        self.path = path
        self.read_only = read_only
        self.bounds = bounds or Bounds()
        with self._connection():
            pass

    def query(self, sql: str, limit: int | None = None, **params: Any) -> ResultSet:
        """Run one SQL query with ``:name`` parameters; at most ``limit`` rows, and ``cut`` says if there were more.

        Raises QueryError with the database's own message when the query does not run, when it may not, and when it is
        beyond the bounds.
        """
        check_texts({"the query": sql, **params})
        with self._connection() as connection:
            question = _in_form(connection, sql, params)
            if not self.read_only:
                return _answer(connection, question, limit)
            question = self.path.judged(connection, question)
            with self.bounds.kept(lambda: self.path.interrupt(connection)):
                return _answer(connection, question, limit)

    @contextmanager
    def _connection(self) -> Iterator[sa.Connection]:
        if self.read_only:
            with connect.reading(self.path, guarded=self.bounds) as connection:
                yield connection
        else:
            with connect.writing(self.path) as connection:
                yield connection


def _in_form(connection: sa.Connection, sql: str, params: dict[str, Any]) -> Question:
    """SQL with ``:name`` parameters in the form that the driver takes; without any, a % is a character like others."""
    if is_blank(sql):
        raise QueryError("the query is empty")
    compiled = sa.text(sql).compile(dialect=connection.dialect)
    names = list(compiled.positiontup or compiled.binds) if params else []
    if not names:
        return Question(sql)
    missing = [name for name in names if name not in params]
    if missing:
        raise QueryError(f"the query does not run: :{missing[0]} has no value", "give every :name a value")
    return Question(str(compiled), {name: params[name] for name in names})


def _answer(connection: sa.Connection, question: Question, limit: int | None) -> ResultSet:
    """Run SQL that a person wrote; what the database says against it becomes a QueryError."""
    connection = connection.execution_options(**question.options)
    positional = connection.dialect.paramstyle == "numeric_dollar"
    values: Any = tuple(question.values.values()) if positional else question.values
    try:
        if values:
            result = connection.exec_driver_sql(question.sql, values)
        else:
            result = connection.exec_driver_sql(question.sql, execution_options={"no_parameters": True})
        with result:
            answer = _rows(result, limit) if result.returns_rows else ResultSet((), [])
    except sa.exc.DBAPIError as error:
        if error.connection_invalidated:
            raise
        raise QueryError(f"the query does not run: {str(error.orig).strip()}") from error
    if first_word(question.sql) != "explain":
        return answer
    return ResultSet(answer.columns, answer.rows, {answer.columns[-1]: "plan"}, answer.cut)


def check_texts(values: dict[str, Any]) -> None:
    """Refuse texts that no database takes, by name; UsageError."""
    for name, value in values.items():
        for text in value if isinstance(value, list | tuple) else (value,):
            if not isinstance(text, str):
                continue
            if "\0" in text:
                raise UsageError(f"{name}: holds the character NUL, which no text of a query may", "leave it out")
            if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
                raise UsageError(f"{name}: is no text that UTF-8 can write", "give it in UTF-8")


def fetch(connection: sa.Connection, sql: str, **params: Any) -> ResultSet:
    """Run SQL of our own."""
    return _rows(execute(connection, sql, **params), None)


def execute(connection: sa.Connection, sql: str, **params: Any) -> sa.CursorResult[Any]:
    """Run SQL of our own with ``:name`` parameters, whose texts may hold anything.

    PostgreSQL binds them. DuckDB imports pandas where it is installed, else numpy, to bind a Python value, which makes a
    report 70 % or 20 % slower, and a view takes no values at all: there a text goes in as hexadecimal digits, which nothing
    in it can end.
    """
    written = connection.dialect.name == "duckdb" or first_word(sql) == "create"
    if connection.dialect.name == "postgresql":
        check_texts(params)
    statement = sa.text(sql).bindparams(
        *(sa.bindparam(name, value, _sql_type(value), literal_execute=written) for name, value in params.items())
    )
    return connection.execute(statement)


class _Text(sa.types.TypeDecorator[str]):
    """A text that, where it is not bound, is written as the hexadecimal digits of its characters."""

    impl = sa.String
    cache_ok = True

    def literal_processor(self, dialect: sa.Dialect) -> Callable[[str], str]:
        """How each dialect reads the digits."""
        return _in_postgres if dialect.name == "postgresql" else _in_duckdb


def _in_duckdb(text: str) -> str:
    return f"decode(unhex('{text.encode().hex()}'))"


def _in_postgres(text: str) -> str:
    return "U&'" + "".join(f"\\+{ord(char):06x}" for char in text) + "'"


def _sql_type(value: Any) -> sa.types.TypeEngine[Any]:
    if isinstance(value, list):
        return sa.ARRAY(_sql_type(value[0]) if value else sa.String())
    types: dict[type, sa.types.TypeEngine[Any]] = {int: sa.BigInteger(), float: sa.Double(), str: _Text()}
    return types.get(type(value), sa.String())


def _rows(result: sa.CursorResult[Any], limit: int | None) -> ResultSet:
    rows = [tuple(row) for row in (result.fetchall() if limit is None else result.fetchmany(limit + 1))]
    cut = limit is not None and len(rows) > limit
    return ResultSet(tuple(result.keys()), rows[:limit] if cut else rows, cut=cut)
