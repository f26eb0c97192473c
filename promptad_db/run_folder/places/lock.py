"""The lock of a run folder, for whoever changes it: one at a time, so that nobody undoes what another is half way through."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import portalocker

from promptad_db.errors import InputError, RunLockedError
from promptad_db.storage import is_remote, lock_place
from promptad_db.storage.lock import Backoff

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_held = threading.local()


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Hold the lock of a run folder alone, waiting for it; who holds it already may take it again.

    The folder itself is locked, so that no file is left behind; a folder of a store has a lock on this machine alone. On
    a file system without locks nobody is kept apart: a run must not be lost for that. Raises RunLockedError when the
    lock stays taken for PROMPTAD_LOCK_TIMEOUT seconds, InputError when there is no such folder.
    """
    key = str(folder if is_remote(folder) else folder.resolve())
    holders: set[str] = _held.__dict__.setdefault("folders", set())
    if key in holders:
        yield
        return
    locked = _opened(folder)
    try:
        _wait_for(locked, folder)
        holders.add(key)
        yield
    finally:
        holders.discard(key)
        os.close(locked)


def _opened(folder: Path) -> int:
    if is_remote(folder):
        return os.open(lock_place(folder / ".run"), os.O_RDWR | os.O_CREAT, 0o666)
    try:
        return os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise InputError(f"{folder}: cannot be opened ({error.strerror})") from error


def _wait_for(locked: int, folder: Path) -> None:
    backoff = Backoff()
    while True:
        try:
            portalocker.lock(locked, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
        except portalocker.AlreadyLocked:
            if not backoff.wait():
                raise RunLockedError(
                    f"{folder}: another process has been changing this run for more than {backoff.lock_timeout:g} s",
                    "try again, or wait longer with PROMPTAD_LOCK_TIMEOUT=SECONDS",
                ) from None
        except portalocker.LockException:
            return  # the file system has no locks
        else:
            return
