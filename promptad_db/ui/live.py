"""Runs that are running now, read from their folders: the database knows a run when it has something whole."""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.errors import InputError, NoRowsError
from promptad_db.run_folder.places import RUN_FILE
from promptad_db.storage import is_remote, modified_at

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from promptad_db.records import RunInfo

SILENT_AFTER = timedelta(minutes=30)
STORE_EVERY = 30.0


@dataclass(frozen=True)
class LiveRun:
    """A run whose run.json says running: its finished categories, how many there will be (None: unknown), when its
    folder last changed, and whether that is so long ago that it seems dead.
    """

    info: RunInfo
    folder: Path
    done: list[str]
    planned: int | None
    last_change: datetime
    seems_dead: bool

    def content(self) -> dict[str, Any]:
        """The run as JSON."""
        info = self.info
        return {
            "run_id": info.run_id, "experiment": info.experiment, "method": info.method, "variant": info.variant,
            "task": info.task, "dataset": info.dataset, "k_shot": info.k_shot, "seed": info.seed,
            "done": len(self.done), "planned": self.planned, "last": self.done[-1] if self.done else None,
            "last_change": self.last_change.isoformat(timespec="seconds"), "seems_dead": self.seems_dead,
        }  # fmt: skip


class LiveRuns:
    """Watches folders of run folders. A run.json is read again only when it changed, so that looking costs little."""

    def __init__(self, roots: Iterable[Path]) -> None:
        self._roots = {root.resolve(): None for root in roots}
        self._seen: dict[Path, tuple[datetime, bool]] = {}
        self._asked: dict[Path, tuple[float, list[LiveRun]]] = {}
        self._lock = threading.Lock()

    def watch(self, roots: Iterable[Path]) -> None:
        """Watch more folders."""
        with self._lock:
            self._roots |= {root.resolve(): None for root in roots}

    def running(self) -> list[LiveRun]:
        """The runs that are running now, the newest first."""
        with self._lock:
            roots = list(self._roots)
        running = [run for root in roots for run in self._running_in(root)]
        return sorted(running, key=lambda run: (run.info.created_at, run.info.run_id), reverse=True)

    def one(self, run_id: str) -> LiveRun:
        """A running run by its id; NoRowsError when none of this id is running."""
        for run in self.running():
            if run.info.run_id == run_id:
                return run
        raise NoRowsError(f"no run is called {run_id}", "see what there is on the page Runs")

    def _running_in(self, root: Path) -> list[LiveRun]:
        """The runs below a root that are running; a store is asked now and then, as each question is a request."""
        last_time, running = self._asked.get(root, (-math.inf, []))
        if is_remote(root) and time.monotonic() < last_time + STORE_EVERY:
            return running
        try:
            folders = [folder for folder in run_folder.find_runs(root) if self._may_run(folder)]
            running = [run for run in map(_look, folders) if run is not None]
        except OSError:  # the store is away; the pages of what is in the database are not
            running = []
        self._asked[root] = time.monotonic(), running
        return running

    def _may_run(self, folder: Path) -> bool:
        """Whether a run was running when its run.json was last written."""
        try:
            changed = modified_at(folder / RUN_FILE)
            if self._seen.get(folder, (None,))[0] != changed:
                self._seen[folder] = (changed, run_folder.read_run(folder).status == "running")
        except (OSError, InputError):
            return False
        return self._seen[folder][1]


def _look(folder: Path) -> LiveRun | None:
    try:
        info = run_folder.read_run(folder)
        written, categories = run_folder.times(folder)
    except (OSError, InputError):  # it finished, moved or went away while we looked
        return None
    if info.status != "running":
        return None
    shots = info.config.get("shots")
    planned = len(shots) if isinstance(shots, dict) and shots else None
    done = sorted(categories, key=lambda name: (categories[name], name))
    changed = max([written, *categories.values()])
    return LiveRun(info, folder, done, planned, changed, datetime.now(UTC) - changed > SILENT_AFTER)
