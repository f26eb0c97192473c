"""Every table and view as a file, Parquet or CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_db.db import connect, tables
from promptad_db.db.sql_files import names
from promptad_db.errors import InputError, UsageError
from promptad_db.files import temporary_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptad_db.db.connect import Where

EXPORT_FORMATS = ("parquet", "csv")


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
    existing = [file for file in files.values() if file.exists()]
    if existing and not force:
        raise InputError(f"{existing[0]}: exists", "--force writes over it")
    place = connect.database_path(database)
    with connect.reading(place) as connection:
        folder.mkdir(parents=True, exist_ok=True)
        for name, file in files.items():
            temporary = temporary_name(file)
            try:
                place.export(connection, name, temporary, file_format=file_format)
                temporary.replace(file)
            finally:
                temporary.unlink(missing_ok=True)
    return list(files.values())
