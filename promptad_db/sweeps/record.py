"""What a sweep keeps beside its runs: the grid, what is being worked on, and what failed.

    runs/.sweeps/<experiment>.json, and .lock, which the driver holds while it lives

What is done is not in it: that is what the run folders say.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptad_db.errors import DatabaseError, InputError, NoRowsError, UsageError
from promptad_db.model.names import TINY
from promptad_db.records import Name, PathText, Seed, Setting, Shots, Task
from promptad_db.schema import conform, shown
from promptad_db.storage import files, files_in, folder_at, is_remote, lock_place, modified_at
from promptad_db.storage.lock import holding
from promptad_db.sweeps.grid import CellKey, Grid

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = ".sweeps"
FORMAT = 1
_AGAIN = "start the sweep again: that writes it anew"


@dataclass
class Record:
    """A sweep as its driver knows it: the groups (dataset and category) with a worker, and why cells failed."""

    path: Path
    grid: Grid
    running: set[tuple[str, str]] = field(default_factory=set)
    failed: dict[CellKey, str] = field(default_factory=dict)

    def started(self, group: tuple[str, str]) -> None:
        """A worker took a group on."""
        self.running.add(group)
        self.write()

    def ended(self, group: tuple[str, str], failed: dict[CellKey, str]) -> None:
        """A group came back, or was given up."""
        self.running.discard(group)
        self.failed |= failed
        self.write()

    def write(self) -> None:
        """Write the file, whole or not at all."""
        content = {
            "format": FORMAT,
            "grid": _plain(self.grid),
            "running": sorted(map(list, self.running)),
            "failed": [
                {"dataset": cell.dataset, "category": cell.category, **asdict(cell.setting), "reason": reason}
                for cell, reason in self.failed.items()
            ],
        }
        files.write_bytes(self.path, files.sealed_bytes(content))


@dataclass(frozen=True)
class _StoredGrid:
    experiment: Name
    data_roots: dict[Name, PathText]
    categories: tuple[Name, ...] | None
    tasks: tuple[Task, ...]
    k_shots: tuple[Shots, ...]
    seeds: tuple[Seed, ...]
    variants: tuple[Name, ...]
    options: dict[str, Any]

    def grid(self) -> Grid:
        layers = self.options.get("memory_layers")
        options = {**self.options, "memory_layers": tuple(layers) if isinstance(layers, list) else None}
        if options.get("model") == TINY:  # older versions wrote down what was asked for, and tiny did not obey
            options |= {"pretrained": None, "precision": None}
        folders = {name: folder_at(root) for name, root in self.data_roots.items()}
        return Grid(
            self.experiment, folders, self.categories, self.tasks, self.k_shots, self.seeds, self.variants, options
        )


@dataclass(frozen=True)
class _StoredFailure:
    dataset: Name
    category: Name
    task: Task
    k_shot: Shots
    seed: Seed
    variant: Name
    reason: str

    def reason_of(self) -> tuple[CellKey, str]:
        return CellKey(
            self.dataset, self.category, Setting(self.task, self.k_shot, self.seed, self.variant)
        ), self.reason


@dataclass(frozen=True)
class _Stored:
    grid: _StoredGrid
    running: tuple[tuple[Name, Name], ...]
    failed: tuple[_StoredFailure, ...]


@contextmanager
def recording(root: Path, grid: Grid) -> Iterator[Record]:
    """The record of a sweep that begins or goes on; no failure is in it yet.

    Raises UsageError while another driver is at the sweep.
    """
    record = Record(_path(root, grid.experiment), grid)
    if not is_remote(root):
        record.path.parent.mkdir(parents=True, exist_ok=True)
    with holding(_lock_file(record.path)) as alone:
        if not alone:
            raise UsageError(
                f"the sweep {grid.experiment!r} is running already",
                "wait for it, or stop it; promptad-db sweep status shows how far it is",
            )
        record.write()
        try:
            yield record
        finally:
            record.running.clear()
            record.write()


def read_record(root: Path, experiment: str | None = None) -> Record:
    """The record of a sweep below the runs in ``root``, by default of the one whose record changed last.

    Raises NoRowsError when there is none, InputError when it cannot be read.
    """
    if experiment is None:
        records = sorted(files_in(root / FOLDER, ".json"), key=modified_at)
        if not records:
            raise NoRowsError(f"{root}: no sweep was started here", "start one: promptad-db sweep; or give --runs")
        path = records[-1]
    else:
        path = _path(root, experiment)
        if not path.is_file():
            known = sorted(files.text_of(one.stem) for one in files_in(root / FOLDER, ".json"))
            raise NoRowsError(
                f"{root}: no sweep {experiment!r} was started here", f"there are: {', '.join(known) or 'none'}"
            )
    content = files.read_sealed(path, _AGAIN)
    if content.get("format", FORMAT) != FORMAT:
        raise InputError(f"{path}: format {shown(content['format'])}, this version reads format {FORMAT}")
    try:
        stored: _Stored = conform(content, _Stored, path)
        grid = stored.grid.grid()
    except (TypeError, ValueError) as error:
        reason = str(error) if isinstance(error, InputError) else f"{path}: grid: {error}"
        raise InputError(reason, _AGAIN) from error
    return Record(path, grid, set(stored.running), dict(one.reason_of() for one in stored.failed))


def is_driven(record: Record) -> bool:
    """Whether the driver of a sweep lives."""
    try:
        with holding(_lock_file(record.path)) as alone:
            return not alone
    except (OSError, DatabaseError):
        return False


def _path(root: Path, experiment: str) -> Path:
    return root / FOLDER / f"{files.folder_name(experiment)}.json"


def _lock_file(path: Path) -> Path:
    return lock_place(path.with_suffix(".lock"))


def _plain(grid: Grid) -> dict[str, Any]:
    """A grid as JSON."""
    content = asdict(grid)
    content["data_roots"] = {name: str(root) for name, root in grid.data_roots.items()}
    content["options"] = {name: str(one) if isinstance(one, Path) else one for name, one in grid.options.items()}
    return content
