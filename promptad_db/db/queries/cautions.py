"""What the reader of a selection must know: which runs count, and what makes numbers doubtful or not comparable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptad_db.db.engine.query import fetch
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.records import BRANCHES

if TYPE_CHECKING:
    import sqlalchemy as sa


def cautions(connection: sa.Connection, branches: tuple[str, str], *, each_variant: bool) -> list[str]:
    """Notes on the cells of a selection, which compare two branches; with ``each_variant`` none on which runs count."""
    query = load_sql("lists", "cautions")
    facts = fetch(connection, query.sql, branch_a=branches[0], branch_b=branches[1]).records()[0]
    notes = [] if each_variant else _several_runs(facts)
    notes += _of_cells(facts, branches)
    return notes + (_max_by_scale(connection) if branches == BRANCHES else [])


def _several_runs(facts: dict[str, Any]) -> list[str]:
    notes = []
    if facts["of_several_runs"] > facts["of_several_variants"]:
        notes.append(
            f"{facts['of_several_runs'] - facts['of_several_variants']} cells have several runs; the latest counts, "
            "of those with both branches where there are any (choose with --run, --method or --variant)"
        )
    if facts["of_several_variants"]:
        notes.append(
            f"{facts['of_several_variants']} cells have runs of several variants; baseline counts where it ran, else "
            "the latest (choose with --variant)"
        )
    if facts["variants"] > 1:
        notes.append(f"the cells are of several variants: {facts['cells_of_variants']} (choose with --variant)")
    return notes


def _of_cells(facts: dict[str, Any], branches: tuple[str, str]) -> list[str]:
    notes = []
    if facts["of_two_runs"]:
        notes.append(
            f"{facts['of_two_runs']} of {facts['cells']} cells compare two runs, since no run has both "
            f"{' and '.join(branches)} (column of_two_runs)"
        )
    if facts["ties_by_precision"]:
        notes.append(
            f"{facts['ties_by_precision']} of the ties are differences below the precision of the reported numbers"
        )
    if facts["constant_scores"]:
        notes.append(
            f"{facts['constant_scores']} of {facts['cells']} cells: all scores of a branch are equal; its AUROC is 0.5 by "
            "ties alone"
        )
    if facts["approx"]:
        notes.append(
            "approx: guessed from score means without ground truth; these are not AUROCs (see promptad-db audit)"
        )
    if facts["best_on_test"]:
        notes.append(
            f"{facts['best_on_test']} of {facts['cells']} cells: the epoch was chosen by test AUROC (best_on_test)"
        )
    if facts["unfinished"]:
        notes.append(f"{facts['unfinished']} of {facts['cells']} cells are of runs that did not finish")
    if facts["protocols"] > 1 or facts["renderings"] > 1:
        notes.append(
            "the runs differ in protocol, epoch selection, backbone or rendering; their numbers are not comparable"
        )
    if not facts["cells"]:
        notes.append(f"no cell has a number of {' or '.join(branches)}")
    return notes


def _max_by_scale(connection: sa.Connection) -> list[str]:
    """A note for each task in which max is one of the two branches in nearly all cells."""
    return [
        f"max equals {row['branch']} in {row['equal_cells']} of {row['cells']} cells of {row['task']}: the scales of the "
        "branches decide, see promptad-db check (branch-scales)"
        for row in fetch(connection, load_sql("lists", "max_by_scale").sql).records()
    ]
