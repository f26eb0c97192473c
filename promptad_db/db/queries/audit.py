"""The old estimate beside the truth: how far off, and which conclusions it turns around.

The estimate is ``max AUROC x branch mean / larger branch mean``, from score means alone. The sums are short enough to
be made here from the audited cells; which cells those are is SQL.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from statistics import fmean
from typing import TYPE_CHECKING, Any

from promptad_db.db.engine import connect
from promptad_db.db.engine.query import execute
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.db.queries.interval_columns import NOTE, with_intervals
from promptad_db.db.queries.selection import DECIMALS, Filters, section_rows, select, without_idle
from promptad_db.errors import NoRowsError
from promptad_db.records import BRANCHES
from promptad_db.result_set import ResultSet, Section

if TYPE_CHECKING:
    from promptad_db.db.engine.connect import Where

ESTIMATES = ("auto", "stored", "computed")

_CELL = ("dataset", "category", "k_shot", "seed", "task")
_CELL_KINDS = {
    "semantic_estimate": "auroc",
    "memory_estimate": "auroc",
    "error_semantic": "gap",
    "error_memory": "gap",
    "gap_estimate": "gap",
    "max_auroc": "auroc",
}
_TOTAL_KINDS = {
    "sign_agreement": "auroc",
    "mean_error_semantic": "points",
    "mean_error_memory": "points",
    "max_error": "points",
    "rank_correlation": "ratio",
}

_TOTALS_TITLE = "How far the old estimate (max AUROC x branch mean / larger branch mean) is from the truth."

Row = dict[str, Any]


@dataclass(frozen=True)
class Audit:
    """``totals`` over all audited cells (errors are mean and largest absolute differences, fractions; rank correlation
    is Spearman's, of the estimated with the true gap), what becomes of each conclusion, and the cells, worst first.
    """

    totals: Row
    conclusions: ResultSet
    cells: ResultSet
    notes: list[str] = field(default_factory=list)

    def content(self) -> Row:
        """Everything as one object: the totals, the conclusions, and every cell."""
        return {**self.totals, "conclusions": self.conclusions.records(), "cells_detail": self.cells.records()}

    def sections(self, top: int | None = None) -> list[Section]:
        """Everything as sections, at most ``top`` cells."""
        totals = {**self.totals, "max_error_cell": _named(self.totals["max_error_cell"])}
        cells = ResultSet(self.cells.columns, self.cells.rows[:top], self.cells.kinds)
        return [
            Section("audit", _TOTALS_TITLE, ResultSet(tuple(totals), [tuple(totals.values())], _TOTAL_KINDS)),
            Section("conclusions", "What the estimates say, and what is true.", self.conclusions),
            Section("cells", load_sql("audit", "cells").title, cells),
        ]


def audit(
    db: Where | None = None, filters: Filters | None = None, *, estimate: str = "auto", ci: bool = False
) -> Audit:
    """Compare the old estimates with the true numbers of the same cells, those that the filters choose.

    ``db`` is a database, else PROMPTAD_DB, else ./promptad.duckdb. ``estimate`` says which: ``stored`` ones (approx numbers of imported files), those ``computed`` from the score means
    of the runs, or ``auto``: stored ones where the selection has any, else computed ones. ``ci`` adds intervals of the true
    numbers.
    Raises NoRowsError when no cell has both an estimate and a truth.
    """
    with connect.reading(connect.database_path(db)) as connection:
        filters, notes = select(connection, filters or Filters())
        rows = ResultSet((), [])
        for source in ESTIMATES[1:] if estimate == "auto" else (estimate,):
            connection.exec_driver_sql("DROP VIEW IF EXISTS estimates")
            query = load_sql("audit", f"{source}_estimates")
            sql = f"CREATE TEMPORARY VIEW estimates AS {query.sql}"
            execute(connection, sql, branch_a=BRANCHES[0], branch_b=BRANCHES[1])
            rows = section_rows(connection, "audit", "cells", filters)
            if rows:
                notes.append(f"{source} estimates")
                break
        summaries = section_rows(connection, "reports", "compare", filters).records()
        if ci:
            notes.append(NOTE)
            rows = with_intervals(connection, Section("cells", "", rows), filters).result
        rows = without_idle(Section("cells", "", rows)).result
    if not rows:
        raise NoRowsError(
            "no cell has an estimate beside its true AUROCs",
            "estimates come from imported files, or from the score means of runs that logged both branches",
        )
    cells = ResultSet(rows.columns, rows.rows, {**rows.kinds, **_CELL_KINDS})
    records = cells.records()
    return Audit(_totals(records), _conclusions(records, summaries, notes), cells, notes)


def _totals(records: list[Row]) -> Row:
    worst = records[0]
    branch = max(BRANCHES, key=lambda name: abs(worst[f"error_{name}"]))
    return {
        "cells": len(records),
        "sign_agreement": _share(records, lambda row: row["weak_branch"] == row["weak_branch_estimate"]),
        "mean_error_semantic": _mean(abs(row["error_semantic"]) for row in records),
        "mean_error_memory": _mean(abs(row["error_memory"]) for row in records),
        "max_error": abs(worst[f"error_{branch}"]),
        "max_error_cell": {**{name: worst[name] for name in _CELL}, "branch": branch},
        "rank_correlation": _spearman([row["gap_estimate"] for row in records], [row["gap"] for row in records]),
    }


def _conclusions(records: list[Row], summaries: list[Row], notes: list[str]) -> ResultSet:
    """Each conclusion, by the estimates and in truth; adds what a reader must know of them to the notes."""
    rows: list[tuple[Any, ...]] = []
    for task in sorted({row["task"] for row in records}):
        of_task = [row for row in records if row["task"] == task]
        rows.append(_weaker(f"{task}: the weaker branch", of_task))
        rows += [
            _weaker(f"{task}, {dataset}: the weaker branch", [row for row in of_task if row["dataset"] == dataset])
            for dataset in sorted({row["dataset"] for row in of_task})
        ]
        rows.append(_gap_size(task, of_task))
        fused = [row for row in of_task if row["max_auroc"] is not None]
        rows += [_max_against_memory(task, fused)] if fused else []
    ratio = _gap_ratio(records, summaries)
    if ratio:
        rows.append(ratio[0])
        notes.append(ratio[1])
    return ResultSet(("conclusion", "by_the_estimate", "in_truth", "flips"), rows)


def _weaker(question: str, records: list[Row]) -> tuple[Any, ...]:
    guessed = _majority([row["weak_branch_estimate"] for row in records])
    true = _majority([row["weak_branch"] for row in records])
    return question, guessed[1], true[1], guessed[0] != true[0]


def _majority(weak: list[str]) -> tuple[str, str]:
    counts = {branch: weak.count(branch) for branch in BRANCHES}
    winner = max(BRANCHES, key=lambda branch: counts[branch]) if len(set(counts.values())) > 1 else "neither"
    return winner, f"{winner}, in {max(counts.values())}/{len(weak)} cells"


def _gap_size(task: str, records: list[Row]) -> tuple[Any, ...]:
    guessed, true = _mean_abs(records, "gap_estimate"), _mean_abs(records, "gap")
    return f"{task}: the mean absolute gap", f"{100 * guessed:.2f} points", f"{100 * true:.2f} points", None


def _max_against_memory(task: str, fused: list[Row]) -> tuple[Any, ...]:
    same = sum(row["max_auroc"] <= row["memory_estimate"] + 10**-DECIMALS for row in fused)
    above = sum(row["max_auroc"] > row["memory"] for row in fused)
    gain = _mean(row["max_auroc"] - row["memory"] for row in fused)
    guessed = (
        f"yes, in {same}/{len(fused)} cells" if same * 2 > len(fused) else f"no, only in {same}/{len(fused)} cells"
    )
    true = f"{'no: above it' if above * 2 > len(fused) else 'above it only'} in {above}/{len(fused)} cells, {100 * gain:+.2f} points"
    return f"{task}: is max just memory?", guessed, true, (same * 2 > len(fused)) == (above * 2 > len(fused))


def _gap_ratio(records: list[Row], summaries: list[Row]) -> tuple[tuple[Any, ...], str] | None:
    """The mean absolute gap of SEG over that of CLS, in the same cells by the estimate and in truth: those with an estimate;
    of a task without any, all cells with their true gaps. With a note that says which.
    """
    guessed, true, which = {}, {}, []
    for summary in summaries:
        task = summary["task"]
        audited = [row for row in records if row["task"] == task]
        true[task] = _mean_abs(audited, "gap") if audited else summary["mean_abs_gap"]
        guessed[task] = _mean_abs(audited, "gap_estimate") if audited else true[task]
        which.append(
            f"{len(audited)} {task} cells with an estimate" if audited else f"all {summary['cells']} {task} cells"
        )
    if not all(ratio.get(task) for ratio in (guessed, true) for task in ("cls", "seg")):
        return None
    by_estimate, in_truth = guessed["seg"] / guessed["cls"], true["seg"] / true["cls"]
    row = ("gap of seg over gap of cls", f"{by_estimate:.2f}", f"{in_truth:.2f}", (by_estimate > 1) != (in_truth > 1))
    return row, f"the gap of seg over that of cls is over {' and '.join(which)}"


def _named(cell: Row) -> str:
    return f"{cell['dataset']} {cell['category']} K={cell['k_shot']} {cell['task']} {cell['branch']}"


def _mean(values: Any) -> float:
    listed = list(values)
    return round(fmean(listed), DECIMALS) if listed else 0.0


def _mean_abs(records: list[Row], gap: str) -> float:
    """The mean absolute gap as reports have it, over seeds first."""
    by_seeds: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in records:
        by_seeds[row.get("experiment"), row["dataset"], row["category"], row["k_shot"]].append(abs(row[gap]))
    return _mean(map(fmean, by_seeds.values()))


def _share(records: list[Row], holds: Any) -> float:
    return round(sum(map(bool, map(holds, records))) / len(records), DECIMALS)


def _spearman(one: list[float], other: list[float]) -> float | None:
    """Rank correlation with tied ranks averaged; None where all are tied."""
    import numpy as np

    ranks = []
    for values in (one, other):
        ordered = np.sort(values)
        ranks.append(np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right"))
    if min(len(set(rank.tolist())) for rank in ranks) < 2:  # noqa: PLR2004 - a constant has no ranks
        return None
    return round(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), DECIMALS)
