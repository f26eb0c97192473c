"""The exact precision-recall curves of one cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from promptad_db.plots.curve_lines import curve_lines
from promptad_db.plots.words import labelled, percent

if TYPE_CHECKING:
    from promptad_db.plots.theme import Look
    from promptad_db.result_set import ResultSet


def draw(result: ResultSet, look: Look) -> Any:
    """One stepped line a branch: the area below it is the average precision."""
    rows = [{**row, "recall": row["true_positive_rate"]} for row in labelled(result) if row["precision"] is not None]
    lines = curve_lines(rows, look, x="recall", y="precision", area="ap", name="AP", interpolate="step-before")
    return alt.layer(*lines)


def alt_text(result: ResultSet) -> str:
    """The average precision of each curve."""
    areas = {row["label"]: row["ap"] for row in labelled(result)}
    curves = ", ".join(f"{branch} average precision {percent(area)}" for branch, area in areas.items())
    return f"Precision-recall curves: {curves}."
