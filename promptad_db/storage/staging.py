"""New files made in a hidden folder beside the one they replace; what dead processes left there is cleared."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import portalocker

if TYPE_CHECKING:
    from collections.abc import Iterator

_HELD = "held"
_LONGEST_NAME = 200
_BEING_MADE = 60.0  # seconds within which a folder may still get its lock


@contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A path in a hidden folder beside ``target`` for a file that the caller then moves there; the folder is removed.

    As long as the block runs a lock says that its process lives. What other processes left behind for this target,
    when they were killed, is removed first. Raises OSError where the folder cannot be made.
    """
    clear_leftovers(target)
    folder, held = _made(target)
    try:
        yield folder / target.name
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        held.close()


def clear_leftovers(target: Path) -> None:
    """Remove what killed processes left behind when they made a file for ``target``."""
    pattern = re.compile(re.escape(_prefix(target)) + r"[0-9a-f]{12}(\..*)?")
    with suppress(OSError), os.scandir(target.parent) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name):
                _clear(Path(entry.path))


def _prefix(target: Path) -> str:
    return f".{target.name[:_LONGEST_NAME]}.tmp-"


def _made(target: Path) -> tuple[Path, IO[bytes]]:
    """A new folder with its lock held, where there are locks; another one when somebody clears it in between."""
    while True:
        folder = target.with_name(f"{_prefix(target)}{secrets.token_hex(6)}")
        folder.mkdir()
        held = (folder / _HELD).open("wb")
        try:
            portalocker.lock(held, portalocker.LOCK_EX | portalocker.LOCK_NB)
        except portalocker.AlreadyLocked:
            held.close()
            continue
        except portalocker.LockException:  # without locks nobody clears anything
            return folder, held
        if (folder / _HELD).exists():
            return folder, held
        held.close()


def _clear(leftover: Path) -> None:
    """Remove a leftover unless its process lives. A plain file is of an earlier version, which held no lock."""
    if leftover.is_symlink() or not leftover.is_dir():
        with suppress(OSError):
            leftover.unlink()
        return
    try:
        with (leftover / _HELD).open("rb") as held:
            portalocker.lock(held, portalocker.LOCK_EX | portalocker.LOCK_NB)
            shutil.rmtree(leftover, ignore_errors=True)
    except FileNotFoundError:
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _BEING_MADE:
                shutil.rmtree(leftover, ignore_errors=True)
    except (OSError, portalocker.LockException):
        return
