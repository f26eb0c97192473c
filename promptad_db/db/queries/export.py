"""Every table and view as a file, Parquet or CSV."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa

from promptad_db.db.engine import connect, tables
from promptad_db.db.engine.file_errors import reason_of
from promptad_db.db.engine.sql_files import names
from promptad_db.errors import InputError, UsageError
from promptad_db.storage.staging import staged

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from promptad_db.db.engine.connect import Where


def exportable() -> list[str]:
    """The names of all tables and views."""
    return [*tables.metadata.tables, *names("views")]


def export(
    database: Where, folder: Path, *, file_format: str = "parquet", only: Sequence[str] = (), force: bool = False
) -> list[Path]:
    """Write ``<folder>/<name>.<format>`` for every table and view, or ``only`` some; returns the files.

    Raises UsageError for an unknown name, InputError when a file exists and ``force`` is not given.
    """
    unknown = [name for name in only if name not in exportable()]
    if unknown:
        raise UsageError(f"no table or view is called {unknown[0]}", f"there are {', '.join(exportable())}")
    files = {name: folder / f"{name}.{file_format}" for name in (only or exportable())}
    _check_folder(folder)
    existing = [file for file in files.values() if file.exists()]
    if existing and not force:
        raise InputError(f"{existing[0]}: exists", "--force writes over it")
    backend = connect.database_path(database)
    with connect.reading(backend) as connection:
        for name, file in files.items():
            with _writing(file), staged(file) as temporary:
                try:
                    backend.export(connection, name, temporary, file_format=file_format)
                    temporary.replace(file)
                except sa.exc.DBAPIError as error:
                    raise OSError(0, reason_of(error).replace(str(temporary), str(file))) from error
    return list(files.values())


def _check_folder(folder: Path) -> None:
    """Make the folder, and see that it can be written, before the database is asked."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: not writable", "give another folder")


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    """What goes wrong in the block is told of the file that is being written."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{file}: cannot be written ({error.strerror})", "make room there, or give another folder"
        ) from error
