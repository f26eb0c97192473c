"""The exact ROC curves of one cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from promptad_db.plots.curve_lines import curve_lines
from promptad_db.plots.theme import GREY, rows_of
from promptad_db.plots.words import labelled, percent

if TYPE_CHECKING:
    from promptad_db.plots.theme import Look
    from promptad_db.result_set import ResultSet


def draw(result: ResultSet, look: Look) -> Any:
    """One line a branch; the dashed diagonal is chance."""
    x, y = "false_positive_rate", "true_positive_rate"
    lines = curve_lines(labelled(result), look, x=x, y=y, area="auroc", name="AUROC", interpolate="linear")
    chance = (
        alt.Chart(rows_of([{x: 0, y: 0}, {x: 100, y: 100}]))
        .mark_line(color=GREY, strokeDash=[4, 3], strokeWidth=1)
        .encode(x=f"{x}:Q", y=f"{y}:Q")
    )
    return alt.layer(chance, *lines)


def alt_text(result: ResultSet) -> str:
    """The AUROC of each curve."""
    areas = {row["label"]: row["auroc"] for row in labelled(result)}
    return "ROC curves: " + ", ".join(f"{branch} AUROC {percent(area)}" for branch, area in areas.items()) + "."
