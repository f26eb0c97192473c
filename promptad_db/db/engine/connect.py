"""Opening the database, wherever it is: for reading, for writing, for migrations."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from promptad_db.db.engine.duckdb_file import DuckDBFile
from promptad_db.db.engine.schema import check_revision
from promptad_db.errors import PromptadError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import sqlalchemy as sa

    from promptad_db.db.engine.backend import Backend, Transactions
    from promptad_db.db.guard.bounds import Bounds

    Where = Backend | str | os.PathLike[str]


def database_path(where: Where | None = None) -> Backend:
    """Where the database is: the argument, else PROMPTAD_DB, else ./promptad.duckdb.

    A path is that of a DuckDB file, an address such as ``postgresql+psycopg://user@host/name`` that of a shared
    PostgreSQL database. Raises DatabaseError for other addresses.
    """
    if where is not None and not isinstance(where, str | os.PathLike):
        return where
    chosen = os.fspath(where or os.environ.get("PROMPTAD_DB") or "promptad.duckdb")
    if "://" in chosen:
        from promptad_db.db.engine.postgres import PostgresDatabase

        return PostgresDatabase.at(chosen)
    return DuckDBFile(Path(chosen))


def db_option(where: Where | None) -> list[str]:
    """What brings a command back to a database that was chosen: ``--db`` and its address, without a password."""
    if not where:
        return []
    try:
        return ["--db", str(database_path(where))]
    except PromptadError:
        return []


@contextmanager
def reading(database: Where, *, guarded: Bounds | None = None) -> Iterator[sa.Connection]:
    """A connection to an up-to-date database that changes nothing in it.

    ``guarded`` also shuts off files, network, extensions and settings, within bounds: for SQL that somebody else wrote.
    """
    backend = database_path(database)
    with backend.reading(guarded=guarded) as connection:
        check_revision(connection, backend)
        yield connection


@contextmanager
def writing(database: Where) -> Iterator[sa.Connection]:
    """A connection in one transaction; a missing file is made first, an old schema is refused."""
    with transactions(database) as transaction, transaction() as connection:
        yield connection


@contextmanager
def transactions(database: Where, *, alone: bool = False) -> Iterator[Transactions]:
    """As ``writing``, for who has several transactions to do, one after another; ``alone``: without other writers."""
    backend = database_path(database)
    with backend.transactions(alone=alone) as begin:

        @contextmanager
        def transaction() -> Iterator[sa.Connection]:
            with begin() as connection:
                check_revision(connection, backend)
                yield connection

        yield transaction


@contextmanager
def migrating(database: Where) -> Iterator[sa.Connection]:
    """A connection in one transaction, alone, whatever the revision; for migrations."""
    with database_path(database).transactions(alone=True) as transaction, transaction() as connection:
        yield connection
