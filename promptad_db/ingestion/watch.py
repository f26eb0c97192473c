"""Run folders that keep coming: what is new below some folders goes into the database round by round, until stopped."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from promptad_db.db.engine.connect import database_path
from promptad_db.db.index.write import index_folders
from promptad_db.errors import (
    DatabaseError,
    DatabaseLockedError,
    InputError,
    NothingToIngestError,
    SchemaError,
    UsageError,
)
from promptad_db.ingestion.ingest import ingest, rejected_lines
from promptad_db.ingestion.seen_folders import SeenFolders, Snapshot, backoff_delay, stamps
from promptad_db.storage import folder_at

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from promptad_db.db.index.outcome import IndexOutcome
    from promptad_db.ingestion.readers import ImportOptions

INTERVAL = 10.0
LONGEST_PAUSE = 60.0
_FOLDERS_AT_A_TIME = 500
_NAMED = 10

logger = logging.getLogger("promptad_db")


@dataclass
class Watched:
    """What came while some folders were watched: ids of runs new to the database and of others with new categories,
    how many categories that were, how many run folders are rejected as they are now, and for how many seconds.
    """

    added: set[str] = field(default_factory=set)
    extended: set[str] = field(default_factory=set)
    categories: int = 0
    rejected: int = 0
    seconds: float = 0.0

    def count(self, outcome: IndexOutcome) -> None:
        """Add what was indexed in one go."""
        self.added.update(outcome.added)
        self.extended.update(set(outcome.extended) - self.added)
        self.categories += sum(outcome.categories.values())

    def summary(self) -> str:
        """One line on all of it."""
        came = _came(len(self.added), len(self.extended), self.categories) or "nothing new"
        rejected = f"; {_counted(self.rejected, 'run folder')} rejected" if self.rejected else ""
        return f"ended after {timedelta(seconds=round(self.seconds))}: {came}{rejected}"


def watch(
    *roots: str | os.PathLike[str],
    db: str | os.PathLike[str] | None = None,
    runs: str | os.PathLike[str] | None = None,
    options: ImportOptions | None = None,
    replace: bool = False,
    interval: float = INTERVAL,
    stop: threading.Event | None = None,
    say: Callable[[str], None] = logger.info,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Watched:
    """Ingest all that is below some folders, then whatever run folders and finished categories appear, until ``stop``.

    The first pass is ``ingest`` with the same arguments; ``progress`` is for it. After it only run folders are taken, at
    any depth; ``interval`` is the pause in seconds between two looks. ``say`` hears a line when something came, was
    rejected (once, as long as the folder does not change) or went wrong. A database that is locked or away and a root
    that cannot be listed are tried again after growing pauses, up to ``LONGEST_PAUSE`` seconds; nothing is lost by that.

    Raises UsageError for a root that is a file; InputError and DatabaseError as ``ingest`` does when the first pass
    fails for another reason than a lock; later SchemaError alone.
    """
    folders = [folder_at(root) for root in roots]
    for folder in folders:
        if folder.is_file():
            raise UsageError(f"{folder}: a file, and only folders can be watched", "ingest files without --watch")
    watcher = _Watcher(folders, db, replace, interval, stop or threading.Event(), say)

    def first_pass() -> None:
        found, unlisted = stamps(folders)
        if unlisted:
            raise InputError(unlisted[0])
        looks = {folder: Snapshot.at(folder, stamp) for folder, stamp in found.items()}
        heard = watcher.unless_stopped(progress)
        try:
            outcome = ingest(*roots, db=db, runs=runs, options=options, replace=replace, progress=heard)
        except NothingToIngestError:
            say("nothing there yet")
        else:
            for line in rejected_lines(outcome.rejected):
                say(f"rejected: {line}")
            for line in outcome.notes:
                say(f"note: {line}")
            say(outcome.summary())
            watcher.watched.count(outcome)
            watcher.seen.note(looks, outcome.rejected)
        say(f"watching {', '.join(map(str, folders))} every {interval:g} s")

    return watcher.run(first_pass)


class _StoppedError(Exception):
    """Somebody asked for the end in the middle of a round."""


class _Watcher:
    def __init__(
        self,
        roots: Sequence[Path],
        db: str | os.PathLike[str] | None,
        replace: bool,  # noqa: FBT001 - handed on
        interval: float,
        stop: threading.Event,
        say: Callable[[str], None],
    ) -> None:
        self.roots, self.replace, self.interval, self.stop, self.say = roots, replace, interval, stop, say
        self.database, self.made = database_path(db), False
        self.seen = SeenFolders(interval)
        self.watched = Watched()

    def run(self, first_pass: Callable[[], None]) -> Watched:
        """Do the first pass, then rounds, until stopped; what fails and can pass is tried again."""
        began = time.monotonic()
        work, failures, troubles = first_pass, 0, set[str]()
        while not self.stop.is_set():
            try:
                work()
            except _StoppedError:
                break
            except SchemaError:
                raise
            except (DatabaseError, InputError, OSError) as error:
                if work == first_pass and not isinstance(error, DatabaseLockedError):
                    raise
                trouble = str(error).splitlines()[0]
                if trouble not in troubles:
                    self.say(f"{trouble}; trying again")
                failures, troubles = failures + 1, troubles | {trouble}
            else:
                if failures:
                    self.say("working again")
                work, failures, troubles = self.round, 0, set()
                self.made = self.database.exists()
            self.stop.wait(backoff_delay(self.interval, failures, LONGEST_PAUSE))
        self.watched.seconds = time.monotonic() - began
        self.watched.rejected = self.seen.refused()
        return self.watched

    def round(self) -> None:
        """Index what is new or has changed; InputError, in the end, for roots that cannot be listed."""
        if self.made and not self.database.exists():
            self.seen.forget([])  # somebody took it away; everything goes into a new one
        found, unlisted = stamps(self.roots)
        if not unlisted:
            self._say_gone(self.seen.forget(found))
        due = [folder for folder, stamp in found.items() if self.seen.is_due(folder, stamp)]
        for start in range(0, len(due), _FOLDERS_AT_A_TIME):
            self._index(
                {folder: Snapshot.at(folder, found[folder]) for folder in due[start : start + _FOLDERS_AT_A_TIME]}
            )
        if unlisted:
            raise InputError("; ".join(unlisted))

    def unless_stopped(self, work: Callable[..., None]) -> Callable[..., None]:
        """A callback that ends indexing between two transactions once the end was asked for."""

        def step(*heard: object) -> None:
            if self.stop.is_set():
                raise _StoppedError
            work(*heard)

        return step

    def _index(self, looks: dict[Path, Snapshot]) -> None:
        folders = [folder for folder, look in looks.items() if not look.unfit]
        step = self.unless_stopped(lambda: None)
        outcome = index_folders(folders, self.database, replace=self.replace, progress=step)
        self.watched.count(outcome)
        came = _came(len(outcome.added), len(outcome.extended), sum(outcome.categories.values()))
        if came:
            self.say(came)
        lines = rejected_lines(self.seen.note(looks, outcome.rejected))
        for line in lines[:_NAMED]:
            self.say(f"rejected: {line}")
        if len(lines) > _NAMED:
            self.say(f"rejected: {len(lines) - _NAMED} more, which promptad-db ingest names")

    def _say_gone(self, folders: list[Path]) -> None:
        if folders:
            rest = f" and {len(folders) - 1} more" if len(folders) > 1 else ""
            self.say(f"gone: {folders[0]}{rest}; rows that the database has of it stay (promptad-db check)")


def _came(added: int, extended: int, categories: int) -> str:
    counts = [_counted(added, "new run")] if added else []
    counts += [f"{_counted(extended, 'run')} extended"] if extended else []
    return f"{', '.join(counts)} ({_counted(categories, 'category', 'categories')})" if counts else ""


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
