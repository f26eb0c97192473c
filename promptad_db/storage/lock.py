"""The advisory lock beside the database file: readers share it, a writer holds it alone.

DuckDB's own file lock fails at once instead of waiting, and is not enough for many writing processes. The operating
system drops ours when its holder dies, so a killed process never leaves a lock behind.
"""

from __future__ import annotations

import os
import random
import time
from contextlib import ExitStack, contextmanager
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


def lock_paths(database: Path) -> tuple[Path, Path]:
    """The lock file of a database file, and the turnstile before it."""
    return database.with_name(database.name + ".lock"), database.with_name(database.name + ".turn")


class Pauses:
    """Short sleeps with jitter, longer ones later, until patience ends."""

    def __init__(self) -> None:
        self.patience = patience()
        self._deadline = time.monotonic() + self.patience
        self._next = _FIRST_PAUSE

    def wait(self) -> bool:
        """Sleep a little; False when patience has ended."""
        if time.monotonic() >= self._deadline:
            return False
        time.sleep(self._next * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not secrecy
        self._next = min(self._next * 2, _LONGEST_PAUSE)
        return True


@contextmanager
def locked(database: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold the lock of a database file, waiting for it with jitter; DatabaseLockedError when patience ends.

    Everybody passes a turnstile first, at which a writer stays until it has the lock: so readers that come one after
    another do not keep a writer waiting for ever.
    """
    kind = portalocker.LOCK_EX if exclusive else portalocker.LOCK_SH
    with ExitStack() as held:
        try:
            file, turnstile = (held.enter_context(path.open("a")) for path in lock_paths(database))
        except OSError as error:
            if exclusive:
                raise DatabaseError(f"{database}: its folder cannot be written ({error.strerror})") from error
            yield  # a read-only place has no writers to wait for
            return
        pauses = Pauses()
        for one in (turnstile, file):
            while not _taken(one, kind):
                if not pauses.wait():
                    raise DatabaseLockedError(
                        f"{database}: locked by another process for more than {pauses.patience:g} s",
                        "try again, or wait longer with PROMPTAD_LOCK_TIMEOUT=SECONDS",
                    )
        portalocker.unlock(turnstile)
        yield


@contextmanager
def holding(path: Path) -> Iterator[bool]:
    """Hold the lock of a file alone, or not at all: whether it could be had at once."""
    with path.open("a") as file:
        yield _taken(file, portalocker.LOCK_EX)


def _taken(file: IO[str], kind: portalocker.LockFlags) -> bool:
    try:
        portalocker.lock(file, kind | portalocker.LOCK_NB)
    except portalocker.LockException:
        return False
    return True
