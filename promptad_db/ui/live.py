"""Runs that are running now, read from their folders: the database hears of a run when it has something whole."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.errors import InputError, NoRowsError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from promptad_db.records import RunInfo

SILENT_AFTER = timedelta(minutes=30)


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
        self._seen: dict[Path, tuple[int, bool]] = {}
        self._lock = threading.Lock()

    def watch(self, roots: Iterable[Path]) -> None:
        """Watch more folders."""
        with self._lock:
            self._roots |= {root.resolve(): None for root in roots}

    def running(self) -> list[LiveRun]:
        """The runs that are running now, the newest first."""
        with self._lock:
            roots = list(self._roots)
        folders = [folder for root in roots for folder in run_folder.find_runs(root) if self._may_run(folder)]
        found = [run for run in map(_look, folders) if run is not None]
        return sorted(found, key=lambda run: (run.info.created_at, run.info.run_id), reverse=True)

    def one(self, run_id: str) -> LiveRun:
        """A running run by its id; NoRowsError when none of this id is running."""
        for run in self.running():
            if run.info.run_id == run_id:
                return run
        raise NoRowsError(f"no run is called {run_id}", "see what there is on the page Runs")

    def _may_run(self, folder: Path) -> bool:
        """Whether a run was running when its run.json was last written."""
        try:
            changed = (folder / run_folder.RUN_FILE).stat().st_mtime_ns
            if self._seen.get(folder, (None,))[0] != changed:
                self._seen[folder] = (changed, run_folder.read_run(folder).status == "running")
        except (OSError, InputError):
            return False
        return self._seen[folder][1]


def _look(folder: Path) -> LiveRun | None:
    try:
        info = run_folder.read_run(folder)
        categories = run_folder.list_categories(folder)
        done = sorted(categories, key=lambda name: run_folder.category_folder(folder, name).stat().st_mtime)
        changed = datetime.fromtimestamp(folder.stat().st_mtime, UTC)
    except (OSError, InputError):  # it finished, moved or went away while we looked
        return None
    if info.status != "running":
        return None
    shots = info.config.get("shots")
    planned = len(shots) if isinstance(shots, dict) and shots else None
    return LiveRun(info, folder, done, planned, changed, datetime.now(UTC) - changed > SILENT_AFTER)
