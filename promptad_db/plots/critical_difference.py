"""Mean ranks with their critical difference: two contenders differ significantly where their bars do not overlap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from promptad_db.plots.theme import Look, branch_scales, rows_of
from promptad_db.plots.words import Row, distinct, labelled, task_name

if TYPE_CHECKING:
    from promptad_db.result_set import ResultSet


def draw(result: ResultSet, look: Look) -> Any:
    """One row a contender, the best on top: its mean rank, and a bar of one critical difference around it.

    Bars of half the critical difference to each side overlap just where two mean ranks differ by no more than it
    (Demsar, Journal of Machine Learning Research 7, 2006, section 3.2.2). They end where no rank can be, which leaves
    the overlaps: the middle of two mean ranks is within.
    """
    rows = labelled(result)
    groups = _groups(rows)
    beside = len(groups) * (look.text_width(row["label"] for row in rows) + 3 * look.size)
    width = look.panel(len(groups), beside=beside, suits=340)
    named = sorted({(row["contender"], row["label"]) for row in rows})
    colours, _ = branch_scales(*zip(*named, strict=True))
    panels = [_panel(of_group, title, look, width, colours) for title, of_group in groups.items()]
    return alt.concat(*panels, columns=len(groups))


def _groups(rows: list[Row]) -> dict[str, list[Row]]:
    """The rows of each task, or task and method where there are several methods, by the heading of their panel."""
    several = len({row.get("method") for row in rows}) > 1
    groups: dict[str, list[Row]] = {}
    for row in rows:
        heading = task_name(row["task"]) + (f", {row['method']}" if several else "")
        groups.setdefault(heading, []).append(row)
    return groups


def _panel(rows: list[Row], heading: str, look: Look, width: float, colours: alt.Scale) -> Any:
    rows = sorted(rows, key=lambda row: (row["mean_rank"], row["contender"]))
    order = distinct(rows, "label")
    wide = rows[0]["critical_difference"]
    for row in rows:
        half = (wide or 0.0) / 2
        row.update(low=max(1, row["mean_rank"] - half), high=min(len(order), row["mean_rank"] + half))
    base = alt.Chart(rows_of(rows)).encode(
        y=alt.Y("label:N", sort=order, title=None).axis(grid=False, ticks=False, domain=False),
        color=alt.Color("label:N", scale=colours, legend=None),
        tooltip=[
            alt.Tooltip("label:N", title="contender"),
            alt.Tooltip("mean_rank:Q", title="mean rank", format=".2f"),
            alt.Tooltip("categories:Q"),
            alt.Tooltip("critical_difference:Q", title="critical difference", format=".2f"),
        ],
    )
    ranks = alt.Scale(domain=[1, len(order)], nice=False, zero=False)
    x = alt.X("low:Q", title="mean rank (1 is best)", scale=ranks, axis=alt.Axis(tickCount=6))
    bars = base.mark_bar(height=look.size * 0.5, opacity=0.4).encode(x=x, x2="high:Q")
    dots = base.mark_point(filled=True, size=look.size * 5, opacity=1).encode(x="mean_rank:Q")
    subtitle = [] if wide is None else ["bars that do not overlap differ", f"(Nemenyi, 0.05; CD = {wide:.2f})"]
    title = alt.Title(
        f"{heading}, {rows[0]['categories']} categories",
        subtitle=subtitle, fontSize=look.size, subtitleFontSize=0.9 * look.size,
    )  # fmt: skip
    return alt.layer(bars, dots).properties(width=width, height=alt.Step(2 * look.size), title=title)


def alt_text(result: ResultSet) -> str:
    """The mean ranks of each task, the best first."""
    sentences = []
    for heading, of_group in _groups(labelled(result)).items():
        best_first = sorted(of_group, key=lambda row: row["mean_rank"])
        ranks = ", ".join(f"{row['label']} {row['mean_rank']:.2f}" for row in best_first)
        wide = best_first[0]["critical_difference"]
        sentences.append(
            f"{heading}: mean ranks {ranks}; critical difference {'unknown' if wide is None else f'{wide:.2f}'}."
        )
    return "Mean rank of each contender over the categories, 1 is best. " + " ".join(sentences)
