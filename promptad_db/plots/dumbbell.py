"""Both branches of each cell as two dots on a line, the largest gap on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from promptad_db.plots.theme import GREY, Look, branch_scales, rows_of
from promptad_db.plots.words import (
    Row,
    auroc_name,
    cell_name,
    cell_names,
    distinct,
    in_percent,
    labelled,
    percent,
    points,
    task_name,
)

if TYPE_CHECKING:
    from promptad_db.result_set import ResultSet

_LOWEST = ("auroc_a", "auroc_b", "low_a", "low_b")
_FRACTIONS = ("auroc_a", "auroc_b", "gap", "low_a", "high_a", "low_b", "high_b")


def draw(result: ResultSet, look: Look) -> Any:
    """One line a cell, a panel a task, each in the order of its own gaps."""
    records = labelled(result)
    rows = [{**row, "cell": name} for row, name in zip(records, cell_names(records), strict=True)]
    tasks = distinct(rows, "task")
    beside = len(tasks) * (look.text_width(row["cell"] for row in rows) + 2 * look.size)
    width = look.panel(len(tasks), beside=beside)
    panels = [_panel([row for row in rows if row["task"] == task], task, look, width) for task in tasks]
    return alt.concat(*panels, columns=len(tasks))


def _panel(rows: list[Row], task: str, look: Look, width: float) -> Any:
    both = [[rows[0][f"{name}_{side}"] for side in ("a", "b")] for name in ("branch", "label")]
    rows = [in_percent(row, *_FRACTIONS) for row in rows]
    order = [row["cell"] for row in sorted(rows, key=lambda row: (-abs(row["gap"]), row["cell"]))]
    y = alt.Y("cell:N", sort=list(dict.fromkeys(order)), title=None).axis(grid=False, ticks=False, domain=False)
    low = min(value for row in rows for name in _LOWEST if (value := row.get(name)) is not None)
    scale = alt.Scale(domain=[max(0, 5 * ((low - 1) // 5)), 100], nice=False)
    colours, shapes = branch_scales(*both)
    lines = (
        alt.Chart(rows_of(rows))
        .mark_rule(color=GREY, strokeWidth=1.5)
        .encode(x=alt.X("auroc_a:Q", title=f"{auroc_name(rows)} (%)", scale=scale), x2="auroc_b:Q", y=y)
    )
    dots = alt.Chart(rows_of(dot for row in rows for dot in _dots(row))).encode(
        x=alt.X("auroc:Q", scale=scale), y=y, color=alt.Color("branch:N", scale=colours, title="branch")
    )
    marks = [lines]
    if any(row.get(name) is not None for row in rows for name in ("low_a", "low_b")):
        marks.append(dots.mark_rule(strokeWidth=3, opacity=0.4, clip=True).encode(x="low:Q", x2="high:Q"))
    marks.append(
        dots.mark_point(filled=True, size=look.size * 3.5, opacity=1).encode(
            shape=alt.Shape("branch:N", scale=shapes, title="branch"),
            tooltip=[
                alt.Tooltip("cell:N"),
                alt.Tooltip("branch:N"),
                alt.Tooltip("auroc:Q", title=f"{auroc_name(rows)} (%)", format=".2f"),
                alt.Tooltip("interval:N", title="interval (%)"),
                alt.Tooltip("gap:Q", title="gap (points)", format="+.2f"),
                alt.Tooltip("provenance:N"),
            ],
        )
    )
    step = look.size * 1.15
    height = alt.Step(step) if look.height is None else look.height
    return alt.layer(*marks).properties(
        width=width, height=height, title=alt.Title(task_name(task), fontSize=look.size)
    )


def _dots(row: Row) -> list[Row]:
    return [
        {
            "cell": row["cell"],
            "branch": row[f"label_{side}"],
            "auroc": row[f"auroc_{side}"],
            "low": row.get(f"low_{side}"),
            "high": row.get(f"high_{side}"),
            "interval": _interval(row.get(f"low_{side}"), row.get(f"high_{side}")),
            "gap": row["gap"] + 0.0,
            "provenance": row.get("provenance"),
        }
        for side in ("a", "b")
    ]


def _interval(low: float | None, high: float | None) -> str:
    return "not computed" if low is None or high is None else f"{low:.2f} to {high:.2f}"


def alt_text(result: ResultSet) -> str:
    """Each task's largest gap, with both AUROCs."""
    rows = labelled(result)
    sentences = []
    for task in distinct(rows, "task"):
        of_task = [row for row in rows if row["task"] == task]
        row = max(of_task, key=lambda one: abs(one["gap"]))
        sentences.append(
            f"{task_name(task)}: {len(of_task)} cells, the largest gap is {points(row['gap'])}, {cell_name(row)} "
            f"({row['label_a']} {percent(row['auroc_a'])}, {row['label_b']} {percent(row['auroc_b'])})."
        )
    return f"{auroc_name(rows)} of both branches of each cell. " + " ".join(sentences)
