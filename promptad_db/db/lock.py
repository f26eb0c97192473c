"""The advisory lock beside the database file: readers share it, a writer holds it alone.

DuckDB's own file lock fails at once instead of waiting, and is not enough for many writing processes. The operating
system drops ours when its holder dies, so a killed process never leaves a lock behind.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING

import portalocker

from promptad_db.errors import DatabaseError, DatabaseLockedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEFAULT_PATIENCE = 60.0
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.25


def patience() -> float:
    """How many seconds to wait for the lock: PROMPTAD_LOCK_TIMEOUT, else 60."""
    try:
        return float(os.environ.get("PROMPTAD_LOCK_TIMEOUT", DEFAULT_PATIENCE))
    except ValueError:
        return DEFAULT_PATIENCE


def lock_path(database: Path) -> Path:
    """The lock file of a database file."""
    return database.with_name(database.name + ".lock")


@contextmanager
def locked(database: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold the lock of a database file, waiting for it with jitter; DatabaseLockedError when patience ends."""
    try:
        file = lock_path(database).open("a")
    except OSError as error:
        if exclusive:
            raise DatabaseError(f"{database}: its folder cannot be written ({error.strerror})") from error
        yield  # a read-only place has no writers to wait for
        return
    with file:
        _acquire(file, database, portalocker.LOCK_EX if exclusive else portalocker.LOCK_SH)
        try:
            yield
        finally:
            portalocker.unlock(file)


def _acquire(file: IO[str], database: Path, kind: portalocker.LockFlags) -> None:
    seconds = patience()
    deadline = time.monotonic() + seconds
    pause = _FIRST_PAUSE
    while True:
        try:
            portalocker.lock(file, kind | portalocker.LOCK_NB)
        except portalocker.LockException as error:
            if time.monotonic() >= deadline:
                raise DatabaseLockedError(
                    f"{database}: locked by another process for more than {seconds:g} s",
                    "try again, or wait longer with PROMPTAD_LOCK_TIMEOUT=SECONDS",
                ) from error
        else:
            return
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not secrecy
        pause = min(pause * 2, _LONGEST_PAUSE)
