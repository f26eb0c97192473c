"""What the ROC and the precision-recall chart share: one line a branch, its area in the legend."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import altair as alt

from promptad_db.plots.theme import branch_scales, rows_of
from promptad_db.plots.words import Row, in_percent, percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptad_db.plots.theme import Look

_DASHES = ([1, 0], [7, 3], [2, 2], [9, 2, 2, 2])


def curve_lines(
    rows: Sequence[Row],
    look: Look,
    *,
    x: str,
    y: str,
    area: str,
    name: str,
    interpolate: Literal["linear", "step-before"],
) -> list[Any]:
    """One line a branch through the vertices in the order of the labelled rows; ``area`` is the column of its area."""
    named = {row["branch"]: f"{row['label']}, {name} {percent(row[area])}" for row in rows}
    drawn = [
        {**in_percent({x: row[x], y: row[y]}, x, y), "branch": named[row["branch"]], "order": index}
        for index, row in enumerate(rows)
    ]
    colours, _ = branch_scales(list(named), list(named.values()))
    dashes = alt.Scale(domain=colours.domain, range=[_DASHES[index % len(_DASHES)] for index in range(len(named))])
    scale = alt.Scale(domain=[0, 100], nice=False)
    width = look.panel(1, beside=5 * look.size, suits=360)
    legend = alt.Legend(title=None, orient="top", direction="vertical", symbolType="stroke", symbolStrokeWidth=2)
    lines = (
        alt.Chart(rows_of(drawn))
        .mark_line(interpolate=interpolate, strokeWidth=1.8, clip=True)
        .encode(
            x=alt.X(f"{x}:Q", scale=scale, title=f"{x.replace('_', ' ')} (%)"),
            y=alt.Y(f"{y}:Q", scale=scale, title=f"{y.replace('_', ' ')} (%)"),
            color=alt.Color("branch:N", scale=colours, legend=legend),
            strokeDash=alt.StrokeDash("branch:N", scale=dashes, legend=legend),
            order="order:Q",
        )
        .properties(width=width, height=look.height or width)
    )
    return [lines]
