"""The numbers behind each chart, as the ResultSet that its drawing takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptad_db.cells.view import STEPS, curves
from promptad_db.db.engine import connect
from promptad_db.db.queries.audit import audit
from promptad_db.db.queries.kind_columns import kinds_of, with_kinds, with_kinds_of_sides, with_provenance
from promptad_db.db.queries.selection import section_rows, select
from promptad_db.db.queries.significance import critical_difference
from promptad_db.errors import InputError, NoRowsError, UsageError
from promptad_db.fusion.recipes import branch_of
from promptad_db.marks import columns_of
from promptad_db.plots import PLOTS
from promptad_db.records import BRANCHES, LEVEL_OF_TASK
from promptad_db.result_set import ResultSet
from promptad_db.run_folder import read_run
from promptad_db.storage import folder_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptad_db.db.engine.connect import Where
    from promptad_db.db.queries.selection import Filters
    from promptad_db.records import Level

TOP = 90
CURVES = tuple(plot.name for plot in PLOTS.values() if plot.one_cell)
_AUDIT_COLUMNS = ("dataset", "category", "k_shot", "seed", "task", "branch", "estimate", "auroc")
_TOLD_APART_BY = (
    ("category", "--category"), ("task", "--task"), ("k_shot", "--k-shot"), ("dataset", "--dataset"),
    ("seed", "--seed"), ("variant", "--variant"), ("method", "--method"), ("experiment", "--experiment"),
)  # fmt: skip


@dataclass(frozen=True)
class CellLocation:
    """One cell and the run folder that holds it; AUROCs and the gap are fractions, None where undefined."""

    task: str
    experiment: str
    method: str
    variant: str
    dataset: str
    category: str
    k_shot: int
    seed: int | None
    auroc_a: float | None
    auroc_b: float | None
    gap: float | None
    run_id: str
    folder: Path

    def __str__(self) -> str:
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{self.dataset} {self.category}, {self.task}, K={self.k_shot}{seed}"


def plot_data(
    database: Where, name: str, filters: Filters, *, top: int = TOP, branches: Sequence[str] | None = None
) -> ResultSet:
    """The rows that ``plots.draw(name, ...)`` draws: fractions 0..1, one of PLOTS by name.

    ``top`` limits ``dumbbell``, which shows the cells with the largest gaps, task by task; its ``cut`` says that there are more. ``branches``
    are those of ``roc`` and ``pr``, by default both branches of the filters; these two need filters that leave one cell.

    Raises NoRowsError when nothing matches, UsageError for an unknown name or several cells.
    """
    return plot_data_and_notes(database, name, filters, top=top, branches=branches)[0]


def plot_data_and_notes(
    database: Where, name: str, filters: Filters, *, top: int = TOP, branches: Sequence[str] | None = None
) -> tuple[ResultSet, list[str]]:
    """As ``plot_data``, with what its reader must know."""
    if name not in PLOTS:
        raise UsageError(f"there is no plot {name!r}", "promptad-db plot --help lists them")
    if name in CURVES:
        cell, notes = one_cell(database, filters)
        level = LEVEL_OF_TASK[cell.task]  # type: ignore[index]
        return curves_of_cell(cell.folder, cell.category, level, branches or filters.branches), notes
    if name == "audit":
        audited = audit(database, filters)
        return _long(audited.cells), audited.notes
    if name == "critical-difference":
        return _ranks(database, filters), []
    with connect.reading(database) as connection:
        filters, notes = select(connection, filters)
        result = with_provenance(section_rows(connection, "plots", name, filters, top=top), filters)
        if "branch_a" in result.columns:
            result = with_kinds_of_sides(result, kinds_of(connection), filters.branches)
    if not result:
        raise NoRowsError(_nothing(name, filters), "see what there is: promptad-db report")
    if name == "dumbbell":
        counts = {row["task"]: row["cells"] for row in result.records()}
        cut = len(result) < sum(counts.values())
        notes += [f"{top} of {count} cells of {task}, those with the largest gaps" for task, count in counts.items() if count > top]  # fmt: skip
        return ResultSet(result.columns, result.rows, result.kinds, cut), notes
    return result, notes


def cell_locations(database: Where, filters: Filters) -> tuple[list[CellLocation], list[str]]:
    """The cells that the filters leave, the largest gap first, with their run folders, and notes for the reader.

    Raises NoRowsError when nothing matches.
    """
    with connect.reading(database) as connection:
        filters, notes = select(connection, filters)
        records = section_rows(connection, "plots", "locations", filters).records()
    return [CellLocation(**{**row, "folder": folder_at(row["folder"])}) for row in records], notes


def one_cell(database: Where, filters: Filters) -> tuple[CellLocation, list[str]]:
    """The one cell that the filters leave, and notes; UsageError when there are several, which says how to choose."""
    cells, notes = cell_locations(database, filters)
    if not cells:
        raise NoRowsError(f"no cell has an AUROC of {' or '.join(filters.branches)}", "promptad-db runs list")
    if len(cells) > 1:
        differ = [option for field, option in _TOLD_APART_BY if len({getattr(cell, field) for cell in cells}) > 1]
        raise UsageError(
            f"{len(cells)} cells match, and a curve is of one: {cells[0]}; {cells[1]}; ...",
            f"choose one with {', '.join(differ) or '--run'}",
        )
    if not cells[0].folder.is_dir():
        raise InputError(f"{cells[0].folder}: the folder of the run is gone", "bring it back, or ingest it again")
    return cells[0], notes


def curves_of_cell(
    folder: Path, category: str, level: Level, branches: Sequence[str], *, steps: int = STEPS
) -> ResultSet:
    """The rows of ``cells.view.curves``, with what the run says that the branches are."""
    described = read_run(folder).branches
    kinds = {name: columns_of(described.get(name) or branch_of(name)) for name in branches}
    return with_kinds(curves(folder, category, level, branches, steps=steps), kinds)


def _long(cells: ResultSet) -> ResultSet:
    """A row a cell and branch, from the audit's row a cell."""
    rows = [
        (*(row[name] for name in _AUDIT_COLUMNS[:5]), branch, row[f"{branch}_estimate"], row[branch])
        for row in cells.records()
        for branch in BRANCHES
    ]
    return ResultSet(_AUDIT_COLUMNS, rows, {"estimate": "auroc", "auroc": "auroc"})


def _ranks(database: Where, filters: Filters) -> ResultSet:
    made = critical_difference(database, filters)
    if not made:
        raise NoRowsError("mean ranks need two contenders over the same two categories or more", "promptad-db fuse")
    return made


def _nothing(name: str, filters: Filters) -> str:
    if name == "fusion":
        return "no cell has the AUROC of a fusion beside both branches"
    return f"no cell has an AUROC of both {' and '.join(filters.branches)}"
