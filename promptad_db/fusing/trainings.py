"""Whether the gates that stand under one branch name, which reports average, are of one training."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from promptad_db import run_folder
from promptad_db.db.queries.runs import select_folders
from promptad_db.db.queries.selection import Filters
from promptad_db.errors import DatabaseError, InputError, NoRowsError
from promptad_db.fusion.gate import gate_of_document
from promptad_db.fusion.gate_signals import GateCell

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from promptad_db.db.engine.connect import Where
    from promptad_db.fusion.gate import Gate
    from promptad_db.records import RunInfo


class OtherTrainingError(InputError):
    """A branch holds gates of another training, which stay there."""

    def __init__(self, cells: int) -> None:
        super().__init__(
            f"{cells} cells that reports average with these keep a gate of this name that was trained on other cells or "
            "with another hold-out",
            "--name NAME makes a branch gate_NAME of its own; --replace over all of these runs and categories, trained "
            "at once, replaces the old gates",
        )


class StoredGate(NamedTuple):
    """The gate of a branch in a category of a run."""

    folder: Path
    cell: GateCell
    gate: Gate


def stored_gate(folder: Path, info: RunInfo, category: str, branch: str) -> StoredGate | None:
    """The gate that a category keeps for a branch; None where it keeps none that can be read."""
    if not run_folder.has_gate(folder, category, branch):
        return None
    cell = GateCell(info.run_id, info.dataset, category, info.k_shot, info.seed, info.task)
    try:
        return StoredGate(folder, cell, gate_of_document(run_folder.read_category_gate(folder, category, branch)))
    except InputError:
        return None


def stored_gates(folders: Iterable[Path], branch: str) -> Iterator[StoredGate]:
    """The gates of a branch in every category of these runs."""
    for folder in folders:
        try:
            info, categories = run_folder.read_run(folder), run_folder.list_categories(folder)
        except (InputError, OSError):
            continue
        for category in categories:
            if gate := stored_gate(folder, info, category, branch):
                yield gate


def runs_averaged_with(folders: Iterable[Path], database: Where) -> list[Path]:
    """These run folders, and those that the database knows of the same experiments, methods, variants and tasks."""
    averaged = dict.fromkeys(folders)
    settings = set()
    for folder in averaged:
        try:
            info = run_folder.read_run(folder)
        except (InputError, OSError):
            continue
        settings.add((info.experiment, info.method, info.variant, info.task))
    for experiment, method, variant, task in sorted(settings):
        filters = Filters((task,), (experiment,), methods=(method,), variants=(variant,))
        try:
            beside, _ = select_folders(database, filters)
        except (DatabaseError, NoRowsError):
            continue
        averaged |= {folder.resolve(): None for folder in beside.values() if run_folder.is_run_folder(folder)}
    return list(averaged)
