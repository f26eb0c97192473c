"""How the gain of each fusion is spread over the cells."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from promptad_db.plots.theme import GREY, Look, branch_scales, rows_of
from promptad_db.plots.words import Row, distinct, in_percent, labelled, points, task_name

if TYPE_CHECKING:
    from promptad_db.result_set import ResultSet

_GAINS = ("mean", "low", "lower", "median", "upper", "high")


def draw(result: ResultSet, look: Look) -> Any:
    """A line from the 5th to the 95th percentile, a bar for the middle half, a tick for the median, a dot for the mean;
    a row of panels a task, a column a branch that is compared with.
    """
    rows = [in_percent(row, *_GAINS) for row in labelled(result)]
    tasks, against = distinct(rows, "task"), distinct(rows, "against")
    beside = look.text_width(distinct(rows, "label")) + 3 * look.size
    width = look.panel(len(against), beside=beside, suits=340)
    panels = [
        _panel(rows, task, name, look, width, labels=column == 0)
        for task in tasks
        for column, name in enumerate(against)
    ]
    return alt.concat(*panels, columns=len(against), spacing={"row": 1.5 * look.size, "column": 2 * look.size})


def _panel(rows: list[Row], task: str, against: str, look: Look, width: float, *, labels: bool) -> Any:
    of_task = [row for row in rows if row["task"] == task]
    shown = [row for row in of_task if row["against"] == against]
    reach = [min(0, *(row["low"] for row in rows)), max(0, *(row["high"] for row in rows))]
    scale = alt.Scale(domain=reach)
    rules = {row["rule"]: row["label"] for row in rows}
    colours, _ = branch_scales(list(rules), list(rules.values()))
    y = alt.Y("label:N", scale=alt.Scale(domain=distinct(of_task, "label")), title=None)
    y = y.axis(grid=False, ticks=False, domain=False, labels=labels)
    base = alt.Chart(rows_of(shown)).encode(
        y=y,
        color=alt.Color("label:N", scale=colours, legend=None),
        tooltip=[
            alt.Tooltip("label:N", title="rule"),
            alt.Tooltip("cells:Q"),
            *(alt.Tooltip(f"{name}:Q", title=title, format="+.2f") for name, title in _NAMES.items()),
        ],
    )
    zero = alt.Chart(rows_of([{"at": 0}])).mark_rule(color=GREY, strokeDash=[4, 3]).encode(x=alt.X("at:Q", scale=scale))
    x = alt.X("low:Q", scale=scale, title=f"gain over {against} (points)")
    marks = alt.layer(
        zero,
        base.mark_rule(strokeWidth=1.5).encode(x=x, x2="high:Q"),
        base.mark_bar(size=look.size, opacity=0.55).encode(x="lower:Q", x2="upper:Q"),
        base.mark_tick(thickness=2, size=look.size, color="white").encode(x="median:Q", color=alt.value("white")),
        base.mark_point(filled=True, size=look.size * 4, opacity=1).encode(x="mean:Q"),
    )
    title = alt.Title(task_name(task), fontSize=look.size)
    return marks.properties(width=width, height=alt.Step(2 * look.size), title=title)


_NAMES = {
    "mean": "mean gain (points)",
    "median": "median",
    "low": "5th percentile",
    "lower": "25th percentile",
    "upper": "75th percentile",
    "high": "95th percentile",
}


def alt_text(result: ResultSet) -> str:
    """The mean gain of each fusion over the branch that it is set against first."""
    rows = labelled(result)
    against = rows[0]["against"]
    sentences = []
    for task in distinct(rows, "task"):
        shown = [row for row in rows if (row["task"], row["against"]) == (task, against)]
        gains = (f"{row['label']} {points(row['mean'])}" for row in shown)
        sentences.append(f"{task_name(task)}: {', '.join(gains)}.")
    return (
        f"Mean gain over {against}, {' '.join(sentences)} Dots are means, white ticks medians, bars the middle half of the "
        "cells, lines the 5th to the 95th percentile."
    )
