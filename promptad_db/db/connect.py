"""Opening the database: where it is, for reading or for writing, always open-transaction-close under the lock."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from promptad_db.db.lock import locked
from promptad_db.errors import DatabaseError, DatabaseLockedError, SchemaError
from promptad_db.files import temporary_name

if TYPE_CHECKING:
    from collections.abc import Iterator

REVISION_TABLE = "promptad_revision"
HEAD = "0001"

_QUICK = {"preserve_insertion_order": False}  # every query of ours has an ORDER BY where order matters
_GUARD = {
    "enable_external_access": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "python_enable_replacements": False,
    "lock_configuration": True,
}


def database_path(path: str | os.PathLike[str] | None = None) -> Path:
    """The database file: the argument, else PROMPTAD_DB, else ./promptad.duckdb."""
    chosen = os.fspath(path or os.environ.get("PROMPTAD_DB") or "promptad.duckdb")
    if "://" in chosen:
        raise DatabaseError(f"{chosen}: only DuckDB files are supported", "give --db the path of a file")
    return Path(chosen)


@contextmanager
def reading(path: Path, *, guarded: bool = False) -> Iterator[sa.Connection]:
    """A read-only connection to an up-to-date database.

    ``guarded`` also shuts off files, network, extensions and settings: for SQL that somebody else wrote.
    """
    _check_exists(path)
    with (
        locked(path, exclusive=False),
        _connected(path, read_only=True, config=_GUARD if guarded else _QUICK) as connection,
    ):
        check_revision(connection, path)
        yield connection


@contextmanager
def reading_locked(path: Path) -> Iterator[sa.Connection]:
    """As ``reading``, for who holds the lock already."""
    _check_exists(path)
    with _connected(path, read_only=True) as connection:
        check_revision(connection, path)
        yield connection


@contextmanager
def writing(path: Path) -> Iterator[sa.Connection]:
    """A connection in one transaction, alone; a missing database is made first, an old one is refused."""
    with migrating(path) as connection:
        check_revision(connection, path)
        yield connection


@contextmanager
def migrating(path: Path) -> Iterator[sa.Connection]:
    """A connection in one transaction, alone, whatever the revision; for migrations."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseError(f"{path}: its folder cannot be made ({error.strerror})") from error
    with locked(path, exclusive=True):
        if not path.exists():
            _create_whole(path)
        with _connected(path, read_only=False) as connection, connection.begin():
            yield connection


def revision_of(connection: sa.Connection) -> str | None:
    """The schema revision that a database says it has, None when it is not one of ours."""
    tables = f"SELECT COUNT(*) FROM information_schema.tables WHERE table_name = '{REVISION_TABLE}'"  # noqa: S608 - our own name
    if not connection.execute(sa.text(tables)).scalar():
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar()  # noqa: S608 - our own name


def check_revision(connection: sa.Connection, path: Path) -> None:
    """Refuse a database whose schema is not ours, with the command that mends it."""
    revision = revision_of(connection)
    if revision == HEAD:
        return
    if revision is None:
        raise SchemaError(f"{path}: not a promptad-db database", f"promptad-db init --db {path}, or give another --db")
    if revision < HEAD:
        raise SchemaError(
            f"{path}: schema {revision} is older than this version's {HEAD}",
            f"upgrade it: promptad-db init --db {path}",
        )
    raise SchemaError(
        f"{path}: schema {revision} is newer than this version's {HEAD}",
        "upgrade the package: pip install -U promptad-db",
    )


@contextmanager
def _connected(path: Path, *, read_only: bool, config: dict[str, Any] | None = None) -> Iterator[sa.Connection]:
    arguments: dict[str, Any] = {"read_only": read_only, "config": config or {}}
    engine = sa.create_engine(f"duckdb:///{path}", poolclass=NullPool, connect_args=arguments)
    try:
        try:
            connection = engine.connect()
        except sa.exc.DBAPIError as error:
            raise _explained(path, error) from error
        with connection:
            yield connection
    except (sa.exc.OperationalError, sa.exc.InternalError) as error:
        raise DatabaseError(
            f"{path}: DuckDB cannot work with it ({_reason(error)})",
            "nothing of this step is stored; where the disk or the memory is full, make room and try again",
        ) from error
    finally:
        engine.dispose()


def _create_whole(path: Path) -> None:
    """Make an empty database of the current schema beside ``path``, then move it there."""
    from promptad_db.db.migrate import upgrade

    temporary = temporary_name(path)
    try:
        with _connected(temporary, read_only=False) as connection, connection.begin():
            upgrade(connection)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
        temporary.with_name(temporary.name + ".wal").unlink(missing_ok=True)


def _check_exists(path: Path) -> None:
    if not path.exists():
        raise DatabaseError(f"{path}: no database here", "promptad-db ingest PATH makes one, or give another --db")
    if path.is_dir():
        raise DatabaseError(f"{path}: a folder, not a database file", "give --db the path of a file")


def _explained(path: Path, error: sa.exc.DBAPIError) -> DatabaseError:
    reason = _reason(error)
    if "lock" in reason.lower():
        return DatabaseLockedError(
            f"{path}: open in another program, which keeps it locked",
            "close that program (a DuckDB shell, a notebook), then try again",
        )
    return DatabaseError(
        f"{path}: DuckDB cannot open it ({reason})",
        f"if the file is damaged, make it again from the run folders: promptad-db rebuild --db {path}",
    )


def _reason(error: sa.exc.DBAPIError) -> str:
    return str(error.orig).splitlines()[0][:200]
