"""One cell of a run, as the address names it, read from its run folder."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.db.queries.runs import folder_of
from promptad_db.errors import DatabaseError, NoRowsError, UsageError
from promptad_db.records import BRANCHES
from promptad_db.ui.filters import text_of, texts_of
from promptad_db.ui.pages import shown_by

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import Request

    from promptad_db.records import CategoryResult, RunInfo

_KEPT = 4  # categories in memory: those that somebody looks at now


@dataclass(frozen=True)
class CellPage:
    """A category of a run: its folder, what was run, what was found, and when that changed (nanoseconds)."""

    folder: Path
    info: RunInfo
    category: str
    result: CategoryResult
    changed: int


def cell_of(request: Request) -> CellPage:
    """The cell that ``run`` and ``category`` name; NoRowsError when there is none."""
    run, category = text_of(request, "run"), request.query_params.get("category")
    if run is None or not category:
        raise UsageError("a cell needs a run and a category", "choose one from the page of a run")
    folder = _folder(request, run)
    if category not in run_folder.list_categories(folder):
        raise NoRowsError(f"run {folder.name} has no category {category}", "see its page for those that it has")
    changed = run_folder.category_folder(folder, category).stat().st_mtime_ns
    return CellPage(folder, run_folder.read_run(folder), category, _read(folder, category, changed), changed)


def branches_of(request: Request, cell: CellPage) -> tuple[str, ...]:
    """The branches that ``branch`` names, by default semantic and memory, of those that the cell has."""
    stored = tuple(cell.result.scores)
    names = texts_of(request, "branch")
    for name in names or ():
        if name not in stored:
            raise NoRowsError(f"{cell.category} has no scores of a branch {name}", f"it has {', '.join(stored)}")
    return names or tuple(name for name in BRANCHES if name in stored) or stored[:2]


def _folder(request: Request, run: str) -> Path:
    """Where a run is: as the database says, or a running one that it does not know yet."""
    shown = shown_by(request)
    try:
        return folder_of(shown.database, run)
    except (NoRowsError, DatabaseError):
        live = [one.folder for one in shown.live.running() if one.info.run_id == run]
        if not live:
            raise
        return live[0]


@lru_cache(maxsize=_KEPT)
def _read(folder: Path, category: str, _changed: int) -> CategoryResult:
    return run_folder.read_category(folder, category)
