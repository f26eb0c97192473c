"""The driver of a sweep: it makes the runs, hands groups to workers, and collects their answers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.errors import InterruptedRunError, UsageError
from promptad_db.progress import Callbacks
from promptad_db.sweeps.grid import CellKey
from promptad_db.sweeps.record import recording
from promptad_db.sweeps.work import GroupWork, Preparation
from promptad_db.tracking import index_runs

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from pathlib import Path

    from promptad_db.records import Setting
    from promptad_db.sweeps.grid import Grid
    from promptad_db.sweeps.record import Record
    from promptad_db.sweeps.work import Answer, Executor, Prepared, Task

_INDEXING_SHARE = 0.1


@dataclass
class Outcome:
    """What a sweep left: its run folders, how many cells it finished now, and why others failed."""

    folders: list[Path] = field(default_factory=list)
    cells: int = 0
    failed: dict[CellKey, str] = field(default_factory=dict)


def sweep(
    grid: Grid,
    executor: Executor,
    *,
    runs: str | os.PathLike[str] | None = None,
    db: str | os.PathLike[str] | bool | None = None,
    callbacks: Callbacks | None = None,
) -> Outcome:
    """Compute every cell of a grid that is not there yet, and index the runs in the database.

    The runs are those that ``promptad-db run`` would make, and what it or an earlier sweep has done of them is kept. A
    cell that fails does not stop the others; it is tried again when the sweep is started again.

    Raises InputError for data or weights, UsageError for a grid, that cannot be used at all, UsageError while another
    driver is at this sweep, and InterruptedRunError on Ctrl-C, after which the same call goes on.
    """
    root = run_folder.default_root(runs).absolute()
    categories = {name: names for name, (_, names) in grid.datasets().items()}
    with recording(root, grid) as record:
        driver = _Driver(grid, categories, record, _Index(db), callbacks or Callbacks())
        try:
            with executor:
                driver.prepare(executor, root)
                driver.compute(executor)
        except KeyboardInterrupt as error:
            raise InterruptedRunError(
                f"interrupted: {driver.outcome.cells} cells are finished and kept", "the same command goes on"
            ) from error
        finally:
            driver.close()
    return driver.outcome


class _Driver:
    def __init__(
        self, grid: Grid, categories: dict[str, tuple[str, ...]], record: Record, index: _Index, callbacks: Callbacks
    ) -> None:
        self.grid, self.categories, self.record, self.index, self.callbacks = grid, categories, record, index, callbacks
        self.outcome = Outcome()
        self.folders: dict[str, dict[Setting, Path]] = {}
        self.open: set[Path] = set()

    def prepare(self, executor: Executor, root: Path) -> None:
        """Make the run folders of every dataset, or find those to go on with."""
        tasks = [Preparation(self.grid, name, names, root) for name, names in self.categories.items()]
        for answer in executor.answers(tasks, lambda _task: None):
            if answer.error is not None:
                raise answer.error
            prepared: Prepared = answer.value
            name = answer.task.dataset
            self.folders[name] = prepared.folders
            self.open |= {folder for folder in prepared.folders.values() if not self._is_whole(name, folder)}
            for text in prepared.notes:
                self.callbacks.note(text)
            refused = {CellKey(name, category, one): why for (category, one), why in prepared.refused.items()}
            self._failed(refused)
        self.record.failed |= self.outcome.failed
        self.outcome.folders = [folder for name in self.categories for folder in self.folders[name].values()]

    def compute(self, executor: Executor) -> None:
        """Have every group computed that lacks a cell."""
        tasks = [
            GroupWork(self.grid, name, category, missing)
            for name, names in self.categories.items()
            for category in names
            if (missing := self._missing(name, category))
        ]
        done, cells = 0, sum(len(task.folders) for task in tasks)
        for answer in executor.answers(tasks, self._started):
            assert isinstance(answer.task, GroupWork)
            if isinstance(answer.error, UsageError):
                raise answer.error
            self._collect(answer.task, answer)
            done += len(answer.task.folders)
            self.callbacks.progress("cells", done, cells)
            for folder in answer.task.folders.values():
                run_folder.gather_learned(folder)
                if folder in self.open and self._is_whole(answer.task.dataset, folder):
                    self.open.remove(folder)
                    _mark(folder, "finished")
            self.index.soon(answer.task.folders.values())

    def close(self) -> None:
        """Mark what is not whole as failed, and index what is not indexed yet. No worker is left."""
        for folder in self.open:
            run_folder.remove_unfinished(folder)
            run_folder.gather_learned(folder)
            _mark(folder, "failed")
        self.index.now(self.outcome.folders)

    def _started(self, task: Task) -> None:
        assert isinstance(task, GroupWork)
        self.record.started((task.dataset, task.category))

    def _collect(self, task: GroupWork, answer: Answer) -> None:
        failed: dict[Setting, str] = {}
        if answer.error is None:
            for cell in answer.value.cells:
                self.callbacks.cell(cell)
            for text in answer.value.notes:
                self.callbacks.note(text)
            failed = answer.value.failed
        else:
            failed = dict.fromkeys(self._missing(task.dataset, task.category), str(answer.error))
        self.outcome.cells += len(task.folders) - len(failed)
        keys = {CellKey(task.dataset, task.category, setting): why for setting, why in failed.items()}
        self._failed(keys)
        self.record.ended((task.dataset, task.category), keys)

    def _failed(self, failed: dict[CellKey, str]) -> None:
        self.outcome.failed |= failed
        for why in dict.fromkeys(failed.values()):
            keys = [key for key, reason in failed.items() if reason == why]
            self.callbacks.note(f"{keys[0].dataset} {keys[0].category}: {len(keys)} cells failed: {why}")

    def _missing(self, dataset: str, category: str) -> dict[Setting, Path]:
        """The runs that may have a category, but lack it."""
        return {
            setting: folder
            for setting, folder in self.folders[dataset].items()
            if CellKey(dataset, category, setting) not in self.outcome.failed
            and category not in run_folder.list_categories(folder)
        }

    def _is_whole(self, dataset: str, folder: Path) -> bool:
        return set(self.categories[dataset]) <= set(run_folder.list_categories(folder))


class _Index:
    """The database follows the run folders; keeping up with them may take a tenth of the driver's time."""

    def __init__(self, db: str | os.PathLike[str] | bool | None) -> None:  # noqa: FBT001 - as start_run
        self._db = db
        self._waiting: set[Path] = set()
        self._next = 0.0

    def soon(self, folders: Iterable[Path]) -> None:
        """Index these folders now, or together with later ones."""
        self._waiting.update(folders)
        if time.monotonic() >= self._next:
            self.now(())

    def now(self, folders: Iterable[Path]) -> None:
        """Index these folders, and those that wait."""
        started = time.monotonic()
        self._waiting.update(folders)
        index_runs(sorted(self._waiting), self._db)
        self._waiting.clear()
        ended = time.monotonic()
        self._next = ended + (ended - started) / _INDEXING_SHARE


def _mark(folder: Path, status: str) -> None:
    run_folder.update_run(folder, status=status, finished_at=run_folder.now())
