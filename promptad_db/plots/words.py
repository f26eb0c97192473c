"""The words of the charts: percents, points, names of cells and panels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptad_db.marks import ESTIMATE, Mark, branch_marks, branches_of, marked, value_marks

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from promptad_db.result_set import ResultSet

Row = dict[str, Any]

TASK_NAMES = {"cls": "CLS (images)", "seg": "SEG (pixels)"}


def task_name(task: str) -> str:
    """A task as the heading of a panel."""
    return TASK_NAMES.get(task, task)


def labelled(result: ResultSet) -> list[Row]:
    """The rows, each with ``label``, its branch with its marks; of two branches ``label_a`` and ``label_b``."""
    rows = result.records()
    for row in rows:
        for name, what, end in branches_of(row):
            row[f"label{end}"] = marked(name, branch_marks(name, what))
    return rows


def marks_of(rows: Iterable[Row]) -> set[Mark]:
    """The marks of all branches of the rows, and whether they are estimates."""
    rows = list(rows)
    marks = {mark for row in rows for name, what, _ in branches_of(row) for mark in branch_marks(name, what)}
    return marks | {mark for row in rows for mark in value_marks(row) if mark == ESTIMATE}


def auroc_name(rows: Iterable[Row]) -> str:
    """What the numbers of the rows are, for an axis or a sentence."""
    return marked("estimate", [ESTIMATE]) if ESTIMATE in marks_of(rows) else "AUROC"


def percent(fraction: float) -> str:
    """An AUROC in percent."""
    return f"{100 * fraction:.2f} %"


def points(fraction: float) -> str:
    """A difference in points, with its sign."""
    return f"{100 * fraction:+.2f} points" if fraction else "0.00 points"


def in_percent(row: Row, *columns: str) -> Row:
    """The row with some fractions as percents, for an axis."""
    return {**row, **{name: None if row[name] is None else 100 * row[name] for name in columns if name in row}}


def distinct(rows: Iterable[Row], column: str) -> list[Any]:
    """The values of a column, each once, in the order of the rows."""
    return list(dict.fromkeys(row[column] for row in rows))


def cell_names(rows: Sequence[Row]) -> list[str]:
    """A short name of each row's cell, with only as much as tells the rows apart."""
    shown = [
        column
        for column in ("experiment", "method", "variant", "dataset", "seed")
        if column in rows[0] and len({row[column] for row in rows}) > 1
    ]
    before = [column for column in shown if column != "seed"]
    names = []
    for row in rows:
        words = [*(str(row[column]) for column in before), row["category"], f"K={row['k_shot']}"]
        names.append(" ".join([*words, f"seed {row['seed']}"] if "seed" in shown else words))
    return names


def cell_name(row: Row) -> str:
    """One cell in words."""
    return f"{row['category']} of {row['dataset']} at K={row['k_shot']}"
