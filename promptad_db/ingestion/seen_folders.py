"""What a watcher has seen of run folders, and which of them are to be indexed now."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.errors import InputError
from promptad_db.storage import each, is_remote
from promptad_db.storage.files import is_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

LONGEST_WITHOUT_A_TRY = 600.0
_DOUBLINGS = 10


@dataclass(frozen=True)
class Snapshot:
    """A run folder before it is indexed: its stamp, whether more categories are expected, and why it is not indexed."""

    stamp: object
    running: bool
    unfit: str = ""

    @classmethod
    def at(cls, folder: Path, stamp: object) -> Snapshot:
        """Snapshot at a run folder that has this stamp; a run that cannot be read may be in the making."""
        if not is_text(str(folder)):
            return cls(stamp, running=False, unfit="its path is not UTF-8; rename it")
        if folder.is_symlink():
            return cls(stamp, running=False, unfit="a link; give what it leads to by its own path")
        try:
            return cls(stamp, run_folder.read_run(folder).status == "running")
        except (InputError, OSError):
            return cls(stamp, running=True)


@dataclass(frozen=True)
class _Indexed:
    """A run folder as it was last indexed, how often with this stamp, why it was refused, and when to try again."""

    stamp: object
    times: int = 0
    refused: frozenset[tuple[Path, str]] = frozenset()
    due: float = math.inf


class SeenFolders:
    """The run folders that were indexed, each with the stamp that it had just before."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._indexed: dict[Path, _Indexed] = {}

    def is_due(self, folder: Path, stamp: object) -> bool:
        """Whether a folder is to be indexed: it is new, has changed, or is to be tried again."""
        before = self._indexed.get(folder)
        return before is None or before.stamp != stamp or before.due <= time.monotonic()

    def note(self, looks: dict[Path, Snapshot], refused: Iterable[tuple[Path, str]]) -> list[tuple[Path, str]]:
        """Keep in mind how folders were when they were indexed; returns what was not refused before, as it is now."""
        of = {folder: [(folder, look.unfit)] if look.unfit else [] for folder, look in looks.items()}
        for place, reason in refused:
            for folder in {place, *place.parents} & looks.keys():
                of[folder].append((place, reason))
        news = []
        for folder, look in looks.items():
            before = self._indexed.get(folder)
            if before is None or before.stamp != look.stamp:
                before = _Indexed(look.stamp)
            due = math.inf
            if of[folder]:
                due = time.monotonic() + backoff_delay(self.interval, before.times, LONGEST_WITHOUT_A_TRY)
            elif look.running and not before.times:
                due = 0.0  # two categories can come within one tick of a file system's clock and leave one stamp
            self._indexed[folder] = _Indexed(look.stamp, before.times + 1, frozenset(of[folder]), due)
            news += [one for one in of[folder] if one not in before.refused]
        return news

    def forget(self, found: Iterable[Path]) -> list[Path]:
        """Forget what is not found any more; returns that, sorted."""
        gone = sorted(self._indexed.keys() - set(found))
        for folder in gone:
            del self._indexed[folder]
        return gone

    def refused(self) -> int:
        """How many folders, or parts of them, were refused as they are now."""
        return sum(bool(one.refused) for one in self._indexed.values())


def stamps(roots: Sequence[Path]) -> tuple[dict[Path, object], list[str]]:
    """The stamp of every run folder below some folders, and what is wrong with those that cannot be listed."""
    found: dict[Path, object] = {}
    unlisted = []
    for root in roots:
        try:
            folders = list(run_folder.walk_runs(root.resolve()))
            if not folders and not is_remote(root):
                next(iter(root.iterdir()), None)  # says why, where a walk sees nothing
            marks = each(root, run_folder.stamp, folders)
        except (OSError, RuntimeError) as error:
            unlisted.append(f"{root}: cannot be listed ({getattr(error, 'strerror', None) or error})")
        else:
            found |= {folder: mark for folder, mark in zip(folders, marks, strict=True) if mark is not None}
    return found, unlisted


def backoff_delay(pause: float, times: int, longest: float) -> float:
    """A pause, in seconds, after something failed so many times in a row."""
    return min(pause * 2.0 ** min(times, _DOUBLINGS), max(pause, longest))
