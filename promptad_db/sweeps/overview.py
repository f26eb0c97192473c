"""How far a sweep is: what is done, running, failed and missing, and how long the rest will take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.result_set import ResultSet, Section
from promptad_db.sweeps.estimate import estimate_of
from promptad_db.sweeps.existing import done_cells, existing_folders, groups_of
from promptad_db.sweeps.record import is_driven, read_record

if TYPE_CHECKING:
    import os
    from pathlib import Path

    from promptad_db.sweeps.estimate import Estimate
    from promptad_db.sweeps.existing import Group
    from promptad_db.sweeps.grid import CellKey, Grid

STATES = ("done", "running", "failed", "missing")
_CELL = ("dataset", "category", "k_shot", "seed", "task", "variant")


def plan_sweep(
    grid: Grid, *, runs: str | os.PathLike[str] | None = None, db: str | os.PathLike[str] | None = None
) -> list[Section]:
    """What a sweep would do, without doing it: its totals, its groups, its cells.

    Raises InputError or UsageError for data that is not there.
    """
    root = run_folder.default_root(runs).absolute()
    view = _View(grid, root, db, set(), {})
    return [view.totals("planned"), view.by_group(), view.by_cell()]


def sweep_status(
    experiment: str | None = None,
    *,
    runs: str | os.PathLike[str] | None = None,
    db: str | os.PathLike[str] | None = None,
) -> list[Section]:
    """How far a sweep is, by default the last one that was started: its totals, its groups, and why cells failed.

    Raises NoRowsError when no such sweep was started.
    """
    root = run_folder.default_root(runs).absolute()
    record = read_record(root, experiment)
    driven = is_driven(record)
    view = _View(record.grid, root, db, record.running if driven else set(), record.failed)
    return [view.totals("running" if driven else "not running"), view.by_group(), view.failures()]


class _View:
    def __init__(
        self,
        grid: Grid,
        root: Path,
        db: str | os.PathLike[str] | None,
        running: set[tuple[str, str]],
        failed: dict[CellKey, str],
    ) -> None:
        self.grid = grid
        self.groups = groups_of(grid)
        self.running, self.failed = running, failed
        self.done = done_cells(existing_folders(grid, root))
        self.estimate: Estimate = estimate_of(grid, db)

    def state(self, cell: CellKey) -> str:
        """One of STATES."""
        if cell in self.done:
            return "done"
        if (cell.dataset, cell.category) in self.running:
            return "running"
        return "failed" if cell in self.failed else "missing"

    def totals(self, sweep: str) -> Section:
        """One row."""
        counts = [self._counts(group) for group in self.groups]
        seconds = [self._seconds(group) for group in self.groups]
        row = (
            self.grid.experiment,
            sweep,
            sum(map(sum, counts)),
            *(sum(column) for column in zip(*counts, strict=True)),
            None if None in seconds else sum(one for one in seconds if one is not None),
        )
        columns = ("experiment", "sweep", "cells", *STATES, "worker_seconds")
        title = "The whole sweep; worker_seconds is what the rest will take one worker, where that is known."
        return Section("sweep", title, ResultSet(columns, [row]))

    def by_group(self) -> Section:
        """One row a group."""
        rows = []
        for group in self.groups:
            counts = self._counts(group)
            rows.append((group.dataset, group.category, group.images, sum(counts), *counts, self._seconds(group)))
        columns = ("dataset", "category", "images", "cells", *STATES, "worker_seconds")
        return Section("groups", "One row a category, whose test images are encoded once.", ResultSet(columns, rows))

    def by_cell(self) -> Section:
        """One row a cell."""
        rows = [(*_row(cell), self.state(cell)) for group in self.groups for cell in group.cells(self.grid)]
        return Section("cells", "One row a cell.", ResultSet((*_CELL, "state"), rows))

    def failures(self) -> Section:
        """One row a cell that failed."""
        rows = [(*_row(cell), why) for cell, why in self.failed.items() if self.state(cell) == "failed"]
        title = "Cells that failed, and why; starting the sweep again tries them again."
        return Section("failed", title, ResultSet((*_CELL, "reason"), rows))

    def _counts(self, group: Group) -> tuple[int, ...]:
        states = [self.state(cell) for cell in group.cells(self.grid)]
        return tuple(states.count(state) for state in STATES)

    def _seconds(self, group: Group) -> float | None:
        settings = [cell.setting for cell in group.cells(self.grid) if self.state(cell) != "done"]
        return self.estimate.seconds(settings, group.images)


def _row(cell: CellKey) -> tuple[str | int, ...]:
    setting = cell.setting
    return cell.dataset, cell.category, setting.k_shot, setting.seed, setting.task, setting.variant
