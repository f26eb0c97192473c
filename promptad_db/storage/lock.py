"""The advisory lock beside the database file: readers share it, a writer holds it alone.

DuckDB's own file lock fails at once instead of waiting, and is not enough for many writing processes. The operating
system drops ours when its holder dies, so a killed process never leaves a lock behind.
"""

from __future__ import annotations

import errno
import math
import os
import random
import stat
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import portalocker

from promptad_db.errors import DatabaseError, DatabaseLockedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DEFAULT_LOCK_TIMEOUT = 60.0
_LONGEST_LOCK_TIMEOUT = 1e6
_FIRST_PAUSE = 0.005
_LONGEST_PAUSE = 0.25
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EINVAL, errno.EBADF}
_REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS}


def lock_timeout() -> float:
    """How many seconds to wait for the lock: PROMPTAD_LOCK_TIMEOUT, else 60; UsageError for what is no number of seconds."""
    given = os.environ.get("PROMPTAD_LOCK_TIMEOUT", "").strip()
    try:
        seconds = float(given) if given else DEFAULT_LOCK_TIMEOUT
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST_LOCK_TIMEOUT:
        raise UsageError(
            f"PROMPTAD_LOCK_TIMEOUT={given}: not a number of seconds from 0 to {_LONGEST_LOCK_TIMEOUT:g}",
            "for example PROMPTAD_LOCK_TIMEOUT=60, the default",
        )
    return seconds


def lock_paths(database: Path) -> tuple[Path, Path]:
    """The lock file of a database file, and the writer-priority lock before it."""
    return database.with_name(database.name + ".lock"), database.with_name(database.name + ".turn")


class Backoff:
    """Short sleeps with jitter, longer ones later, until the lock timeout."""

    def __init__(self) -> None:
        self.lock_timeout = lock_timeout()
        self._deadline = time.monotonic() + self.lock_timeout
        self._next = _FIRST_PAUSE

    def wait(self) -> bool:
        """Sleep a little; False after the lock timeout."""
        if time.monotonic() >= self._deadline:
            return False
        time.sleep(self._next * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not secrecy
        self._next = min(self._next * 2, _LONGEST_PAUSE)
        return True


@contextmanager
def locked(database: Path, *, exclusive: bool) -> Iterator[None]:
    """Hold the lock of a database file, waiting for it with jitter; DatabaseLockedError after the lock timeout.

    Everybody passes a writer-priority lock first, at which a writer stays until it has the lock: so readers that come one after
    another do not keep a writer waiting for ever. Who may not write the lock files opens them for reading, which is
    enough to lock them; where there are none and none can be made, there is no writer for a reader to wait for.

    Raises DatabaseError when a lock file cannot be opened, or its file system cannot lock.
    """
    kind = portalocker.LOCK_EX if exclusive else portalocker.LOCK_SH
    backoff = Backoff()
    file, priority = lock_paths(database)
    opened: list[int] = []
    try:
        for path in (priority, file):
            descriptor = _opened(path, optional=not exclusive)
            if descriptor is not None:
                opened.append(descriptor)
                _wait_for(descriptor, path, kind, database, backoff)
        if len(opened) > 1:
            portalocker.unlock(opened[0])
        yield
    finally:
        for descriptor in opened:
            os.close(descriptor)


@contextmanager
def holding(path: Path) -> Iterator[bool]:
    """Hold the lock of a file alone, or not at all: whether it could be had at once. Raises DatabaseError as ``locked``."""
    descriptor = _opened(path)
    assert descriptor is not None
    try:
        yield _taken(descriptor, path, portalocker.LOCK_EX)
    finally:
        os.close(descriptor)


def shared_mode(folder: Path) -> int:
    """The permissions of a file that whoever may write into a folder can work with, whatever the umask."""
    return stat.S_IMODE(folder.stat().st_mode) & 0o666 | 0o600


def _wait_for(descriptor: int, path: Path, kind: portalocker.LockFlags, database: Path, backoff: Backoff) -> None:
    while not _taken(descriptor, path, kind):
        if not backoff.wait():
            raise DatabaseLockedError(
                f"{database}: locked by another process for more than {backoff.lock_timeout:g} s",
                "try again, or wait longer with PROMPTAD_LOCK_TIMEOUT=SECONDS",
            )


def _opened(path: Path, *, optional: bool = False) -> int | None:
    """A lock file, made where it is missing; None for an ``optional`` one that is missing and may not be made."""
    try:
        return _opened_or_made(path)
    except OSError as error:
        missing = not os.path.lexists(path)
        if missing and optional and error.errno in _REFUSED:
            return None
        if missing:
            raise DatabaseError(
                f"{path}: this lock file cannot be made ({error.strerror})",
                f"see that you may write into {path.parent} and that it is not full, or give another --db",
            ) from error
        raise DatabaseError(
            f"{path}: this lock file cannot be opened ({error.strerror})",
            f"its owner can share it: chmod a+rw {path}",
        ) from error


def _opened_or_made(path: Path) -> int:
    for flags in (os.O_RDWR, os.O_RDONLY):
        try:
            return os.open(path, flags | os.O_NONBLOCK)
        except FileNotFoundError:
            return _made(path)
        except OSError as error:
            if error.errno not in _REFUSED or flags == os.O_RDONLY:
                raise
    raise AssertionError


def _made(path: Path) -> int:
    mode = shared_mode(path.parent)
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:  # somebody else was faster
        return os.open(path, os.O_RDWR)
    os.fchmod(descriptor, mode)
    return descriptor


def _taken(descriptor: int, path: Path, kind: portalocker.LockFlags) -> bool:
    try:
        portalocker.lock(descriptor, kind | portalocker.LOCK_NB)
    except portalocker.AlreadyLocked:
        return False
    except portalocker.LockException as error:
        cause = next((one for one in (*error.args, error.__cause__) if isinstance(one, OSError)), None)
        if cause is None:
            return False
        if cause.errno in _NO_LOCKS:
            raise DatabaseError(
                f"{path}: its file system cannot lock files ({cause.strerror})",
                "put the database on a local disk and give its path with --db, or share one on PostgreSQL "
                "(docs/postgresql.md)",
            ) from error
        raise DatabaseError(
            f"{path}: cannot be locked ({cause.strerror})", "look at the disk or the network that holds it"
        ) from error
    return True
