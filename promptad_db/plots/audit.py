"""The AUROCs that the old estimate gives against the true ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from promptad_db.plots.theme import GREY, Look, branch_scales, rows_of
from promptad_db.plots.words import distinct, in_percent, labelled, percent, task_name

if TYPE_CHECKING:
    from promptad_db.result_set import ResultSet


def draw(result: ResultSet, look: Look) -> Any:
    """One dot a cell and branch, a panel a task; on the diagonal the estimate is right."""
    rows = [in_percent(row, "estimate", "auroc") for row in labelled(result)]
    tasks = distinct(rows, "task")
    low = 5 * (min(min(row["estimate"], row["auroc"]) for row in rows) // 5)
    high = max(100, *(row["estimate"] for row in rows))
    scale = alt.Scale(domain=[low, high], nice=False)
    colours, shapes = branch_scales(distinct(rows, "branch"), distinct(rows, "label"))
    width = look.panel(len(tasks), beside=len(tasks) * 4 * look.size, suits=460)
    few = alt.Axis(tickCount=6)
    panels = []
    for task in tasks:
        diagonal = (
            alt.Chart(rows_of([{"at": low}, {"at": high}]))
            .mark_line(color=GREY, strokeDash=[4, 3], strokeWidth=1)
            .encode(x=alt.X("at:Q", scale=scale), y=alt.Y("at:Q", scale=scale))
        )
        dots = (
            alt.Chart(rows_of(row for row in rows if row["task"] == task))
            .mark_point(filled=True, size=look.size * 4, opacity=0.75)
            .encode(
                x=alt.X("auroc:Q", scale=scale, title="true AUROC (%)", axis=few),
                y=alt.Y("estimate:Q", scale=scale, title="estimated AUROC (%)", axis=few),
                color=alt.Color("label:N", scale=colours, title="branch"),
                shape=alt.Shape("label:N", scale=shapes, title="branch"),
                tooltip=[
                    alt.Tooltip("dataset:N"),
                    alt.Tooltip("category:N"),
                    alt.Tooltip("k_shot:O", title="K"),
                    alt.Tooltip("branch:N"),
                    alt.Tooltip("estimate:Q", title="estimate (%)", format=".2f"),
                    alt.Tooltip("auroc:Q", title="true (%)", format=".2f"),
                ],
            )
        )
        title = alt.Title(task_name(task), fontSize=look.size)
        panels.append(alt.layer(diagonal, dots).properties(width=width, height=look.height or width, title=title))
    return alt.concat(*panels, columns=len(tasks))


def alt_text(result: ResultSet) -> str:
    """How far the estimates are from the truth."""
    rows = result.records()
    errors = [abs(row["estimate"] - row["auroc"]) for row in rows]
    worst = rows[errors.index(max(errors))]
    return (
        f"{len(rows)} estimated AUROCs against the true ones; a right estimate lies on the diagonal. The mean error is "
        f"{100 * sum(errors) / len(errors):.2f} points, the largest {100 * max(errors):.2f} points: {worst['branch']} of "
        f"{worst['category']} ({worst['dataset']}) at K={worst['k_shot']}, estimated {percent(worst['estimate'])}, truly "
        f"{percent(worst['auroc'])}."
    )
