"""A copy of a database file beside it, made before the file is changed for good, and put back when that fails."""

from __future__ import annotations

import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from promptad_db.db.engine.duckdb_file import write_ahead_log, write_out
from promptad_db.errors import DatabaseError, DatabaseLockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


_HALF = ".tmp"


class BackupError(DatabaseError):
    """The copy of a database file could not be made, or not be put back."""


def backup_path(database: Path, revision: str) -> Path:
    """Where the copy of a database file of this revision goes: beside the file, which may be elsewhere than its link."""
    file = database.resolve() if database.is_symlink() else database
    return file.with_name(f"{file.name}.before-{revision}")


def clear_copies(database: Path) -> None:
    """Remove the half copies of killed migrations; the caller holds the lock of the database alone."""
    whole = backup_path(database, "")
    for half in whole.parent.iterdir():
        if half.name.startswith(f".{whole.name}") and half.name.endswith(_HALF):
            half.unlink(missing_ok=True)


@contextmanager
def kept(database: Path, backup: Path) -> Iterator[None]:
    """Copy a database file, whose lock the caller holds alone, to ``backup``, and put the copy back if the block fails.

    The copy is whole or not there; one that stands there already is replaced. The block has failed, too, when what it
    did does not fit into the file. Raises BackupError, before anything is changed, when there is no room for the copy.
    """
    if write_ahead_log(database).exists():  # of a killed process: the file alone would not be all
        _take_in_log(database)
    _copy(database.resolve(), backup)
    try:
        yield
        if write_ahead_log(database).exists():  # closing could not bring it in, and says nothing of that
            write_out(database)
    except DatabaseLockedError:  # somebody else has the file open, and it is as it was
        backup.unlink()
        raise
    except BaseException:
        _put_back(backup, database)
        raise


def _take_in_log(database: Path) -> None:
    try:
        write_out(database)
    except DatabaseLockedError:
        raise
    except DatabaseError as error:
        raise BackupError(
            f"{write_ahead_log(database)}: cannot be brought into the database ({error.args[0]}); nothing is migrated",
            "where the disk is full, make room and try again",
        ) from error


def _copy(file: Path, backup: Path) -> None:
    temporary = backup.with_name(f".{backup.name}{_HALF}")  # one name, which the next to hold the lock writes over
    try:
        shutil.copyfile(file, temporary)
        shutil.copymode(file, temporary)
        with temporary.open("rb+") as copied:
            os.fsync(copied.fileno())
        temporary.replace(backup)
    except OSError as error:
        raise BackupError(
            f"{backup}: this copy of the database cannot be made ({error.strerror}); nothing is changed",
            "make room beside it, or go without a copy: promptad-db migrate --no-backup",
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def _put_back(backup: Path, database: Path) -> None:
    try:
        write_ahead_log(database).unlink(missing_ok=True)
        backup.replace(database.resolve())
    except OSError as error:
        raise BackupError(
            f"{database}: the migration failed, and so did putting the copy back ({error.strerror})",
            f"the database as it was is {backup}: move it to {database}",
        ) from error
