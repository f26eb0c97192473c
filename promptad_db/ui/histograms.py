"""How the image scores of one cell are spread, by branch and label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import NoRowsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptad_db.records import CategoryResult

BINS = 24
LABELS = ("normal", "anomalous")
_COLOURS = ("#0077bb", "#d55e00")


def draw_histograms(result: CategoryResult, branches: Sequence[str], *, width: int = 320) -> Any:
    """A panel a branch: how many images have each score, a colour a label; images without labels are all one."""
    import altair as alt

    from promptad_db.plots.theme import rows_of, themed

    _check(result, branches)
    names = list(LABELS) if result.labels is not None else ["label unknown"]
    colour = alt.Color(
        "label:N", scale=alt.Scale(domain=names, range=list(_COLOURS[: len(names)])), legend=alt.Legend(title=None)
    )
    panels = [
        alt.Chart(rows_of(_bars(result, branch)))
        .mark_bar(opacity=0.65, binSpacing=0)
        .encode(
            x=alt.X(
                "low:Q", title=f"{branch} score", scale=alt.Scale(zero=False, nice=False), axis=alt.Axis(tickCount=6)
            ),
            x2="high:Q",
            y=alt.Y("images:Q", stack=None, title="images", axis=alt.Axis(tickMinStep=1, tickCount=5)),
            y2=alt.Y2Datum(0),
            color=colour,
            tooltip=["label:N", "images:Q", alt.Tooltip("low:Q", format=".4f"), alt.Tooltip("high:Q", format=".4f")],
        )
        .properties(width=width, height=118)
        for branch in branches
    ]
    return themed(alt.vconcat(*panels), None, "currentColor", 12)


def describe_histograms(result: CategoryResult, branches: Sequence[str]) -> str:
    """The median score of each label in each branch, in a sentence."""
    _check(result, branches)
    parts = []
    for branch in branches:
        medians = [f"{name} {np.median(scores):.4g}" for name, scores in _by_label(result, branch) if scores.size]
        parts.append(f"{branch}: {', '.join(medians)}")
    return f"Median image scores. {'; '.join(parts)}."


def _bars(result: CategoryResult, branch: str) -> list[dict[str, Any]]:
    edges = np.histogram_bin_edges(result.scores[branch], BINS)
    return [
        {"label": name, "low": float(low), "high": float(high), "images": int(count)}
        for name, scores in _by_label(result, branch)
        for low, high, count in zip(edges[:-1], edges[1:], np.histogram(scores, edges)[0], strict=True)
        if count
    ]


def _by_label(result: CategoryResult, branch: str) -> list[tuple[str, Any]]:
    scores = result.scores[branch]
    if result.labels is None:
        return [("label unknown", scores)]
    return [(name, scores[result.labels == label]) for label, name in enumerate(LABELS)]


def _check(result: CategoryResult, branches: Sequence[str]) -> None:
    if not branches or not set(branches) <= set(result.scores):
        raise NoRowsError(f"{result.category}: no image scores are stored", "only runs with scores have histograms")
