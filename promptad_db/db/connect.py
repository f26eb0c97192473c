"""Opening the database, wherever it is: for reading, for writing, for migrations."""

from __future__ import annotations

import os
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from promptad_db.db.duckdb_file import DuckDBFile
from promptad_db.errors import PromptadError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptad_db.db.bounds import Bounds
    from promptad_db.db.place import Place, Transactions

    Where = Place | str | os.PathLike[str]

REVISION_TABLE = "promptad_revision"
HEAD = "0002"


def database_path(where: Where | None = None) -> Place:
    """Where the database is: the argument, else PROMPTAD_DB, else ./promptad.duckdb.

    A path is that of a DuckDB file, an address such as ``postgresql+psycopg://user@host/name`` that of a shared
    PostgreSQL database. Raises DatabaseError for other addresses.
    """
    if where is not None and not isinstance(where, str | os.PathLike):
        return where
    chosen = os.fspath(where or os.environ.get("PROMPTAD_DB") or "promptad.duckdb")
    if "://" in chosen:
        from promptad_db.db.postgres import PostgresDatabase

        return PostgresDatabase.at(chosen)
    return DuckDBFile(Path(chosen))


def db_option(where: Where | None) -> list[str]:
    """What brings a command back to a database that was chosen: ``--db`` and its place, without a password."""
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
    place = database_path(database)
    with place.reading(guarded=guarded) as connection:
        check_revision(connection, place)
        yield connection


@contextmanager
def writing(database: Where) -> Iterator[sa.Connection]:
    """A connection in one transaction; a missing file is made first, an old schema is refused."""
    with transactions(database) as transaction, transaction() as connection:
        yield connection


@contextmanager
def transactions(database: Where, *, alone: bool = False) -> Iterator[Transactions]:
    """As ``writing``, for who has several transactions to do, one after another; ``alone``: without other writers."""
    place = database_path(database)
    with place.transactions(alone=alone) as begin:

        @contextmanager
        def transaction() -> Iterator[sa.Connection]:
            with begin() as connection:
                check_revision(connection, place)
                yield connection

        yield transaction


@contextmanager
def migrating(database: Where) -> Iterator[sa.Connection]:
    """A connection in one transaction, alone, whatever the revision; for migrations."""
    with database_path(database).transactions(alone=True) as transaction, transaction() as connection:
        yield connection


def revision_of(connection: sa.Connection) -> str | None:
    """The schema revision that a database says it has, None when it is not one of ours."""
    tables = f"""
        SELECT COUNT(*) FROM information_schema.tables
        WHERE table_name = '{REVISION_TABLE}' AND table_schema = current_schema()
    """  # noqa: S608 - our own name
    if not connection.execute(sa.text(tables)).scalar():
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar()  # noqa: S608 - our own name


def check_revision(connection: sa.Connection, place: Place) -> None:
    """Refuse a database whose schema is not ours, with the command that mends it."""
    revision = revision_of(connection)
    if revision == HEAD:
        return
    if revision is None:
        raise SchemaError(
            f"{place}: not a promptad-db database",
            f"promptad-db init --db {shlex.quote(str(place))}, or give another --db",
        )
    if revision < HEAD:
        raise SchemaError(
            f"{place}: schema {revision} is older than this version's {HEAD}",
            f"upgrade it: promptad-db migrate --db {shlex.quote(str(place))}",
        )
    raise SchemaError(
        f"{place}: schema {revision} is newer than this version's {HEAD}",
        "upgrade the package: pip install -U promptad-db",
    )
