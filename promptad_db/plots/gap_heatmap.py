"""The gap of each category and K as a heat map: a panel a task and dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from promptad_db.plots.theme import DIVERGING, Look, rows_of
from promptad_db.plots.words import Row, auroc_name, cell_name, distinct, in_percent, labelled, points, task_name

if TYPE_CHECKING:
    from promptad_db.result_set import ResultSet

_DARK = 0.8


def draw(result: ResultSet, look: Look) -> Any:
    """One square a category, K and task; its number is the gap in points."""
    rows = [{**in_percent(row, "auroc_a", "auroc_b", "gap"), "number": _number(row["gap"])} for row in labelled(result)]
    tasks, datasets = distinct(rows, "task"), distinct(rows, "dataset")
    span = max(1e-9, *(abs(row["gap"]) for row in rows))
    beside = look.text_width(row["category"] for row in rows) + 2 * look.size
    width = look.panel(len(tasks), beside=beside, suits=len(distinct(rows, "k_shot")) * 5 * look.size)
    panels = [
        _panel(
            [row for row in rows if row["dataset"] == dataset],
            task,
            look,
            span=span,
            width=width,
            first=column == 0,
            last=index == len(datasets) - 1,
        )
        for index, dataset in enumerate(datasets)
        for column, task in enumerate(tasks)
    ]
    return alt.concat(*panels, columns=len(tasks), spacing={"row": look.size, "column": 2 * look.size})


def _panel(rows: list[Row], task: str, look: Look, *, span: float, width: float, first: bool, last: bool) -> Any:
    one, other = rows[0]["label_a"], rows[0]["label_b"]
    axis = alt.Axis(grid=False, ticks=False, domain=False, title=None, labels=first)
    base = alt.Chart(rows_of(row for row in rows if row["task"] == task)).encode(
        x=alt.X("k_shot:O", title="K (shots)" if last else None, scale=alt.Scale(domain=sorted(distinct(rows, "k_shot"))))
        .axis(grid=False, ticks=False, domain=False, labelAngle=0),
        y=alt.Y("category:N", axis=axis, scale=alt.Scale(domain=sorted(distinct(rows, "category")))),
        tooltip=[
            alt.Tooltip("dataset:N"),
            alt.Tooltip("category:N"),
            alt.Tooltip("k_shot:O", title="K"),
            alt.Tooltip("auroc_a:Q", title=f"{one} (%)", format=".2f"),
            alt.Tooltip("auroc_b:Q", title=f"{other} (%)", format=".2f"),
            alt.Tooltip("gap:Q", title="gap (points)", format="+.2f"),
        ],
    )  # fmt: skip
    unit = "points" if auroc_name(rows) == "AUROC" else f"points of an {auroc_name(rows)}"
    legend = alt.Legend(
        title=f"gap = {other} - {one} ({unit}); above 0 {other} is better",
        orient="top",
        titleOrient="top",
        gradientLength=20 * look.size,
        titleLimit=60 * look.size,
        format="+.0f",
    )
    squares = base.mark_rect(stroke="transparent", strokeWidth=1).encode(
        color=alt.Color("gap:Q", scale=alt.Scale(domain=[-span, span], range=list(DIVERGING)), legend=legend)
    )
    numbers = base.mark_text(fontSize=look.size * 0.85).encode(
        text="number:N",
        color=alt.condition(f"abs(datum.gap) > {_DARK * span}", alt.value("white"), alt.value("#1a1a1a")),
    )
    title = f"{rows[0]['dataset']}, {task_name(task)}"
    return alt.layer(squares, numbers).properties(
        width=width, height=alt.Step(1.7 * look.size), title=alt.Title(title, fontSize=look.size)
    )


def _number(gap: float) -> str:
    """A gap in points for a small square: one decimal, and no sign where that is zero."""
    text = f"{100 * gap:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text.replace("-", "\N{MINUS SIGN}")


def alt_text(result: ResultSet) -> str:
    """Each task's largest gaps on both sides."""
    rows = labelled(result)
    first, second = rows[0]["label_a"], rows[0]["label_b"]
    sentences = []
    for task in distinct(rows, "task"):
        of_task = [row for row in rows if row["task"] == task]
        lowest, highest = (choose(of_task, key=lambda row: row["gap"]) for choose in (min, max))
        better = sum(row["gap"] > 0 for row in of_task)
        sentences.append(
            f"{task_name(task)}: {second} is better in {better} of {len(of_task)} squares, by up to "
            f"{points(highest['gap'])} ({cell_name(highest)}); the other end is {points(lowest['gap'])} "
            f"({cell_name(lowest)})."
        )
    return f"Gap {second} - {first} of {len(distinct(rows, 'category'))} categories by K. " + " ".join(sentences)
