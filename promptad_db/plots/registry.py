"""The charts by name, as they stand in the report; each lives in a module of its name: ``draw`` and ``alt_text``."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from promptad_db.errors import NoRowsError, UsageError
from promptad_db.marks import footnotes
from promptad_db.plots.words import marks_of

if TYPE_CHECKING:
    import altair as alt

    from promptad_db.result_set import ResultSet


@dataclass(frozen=True)
class Plot:
    """One chart: its name, its heading, what it shows in a sentence, and the columns that its ResultSet must have.

    ``one_cell`` marks a chart of a single cell.
    """

    name: str
    title: str
    help: str
    columns: tuple[str, ...]
    one_cell: bool = False


_CELL = ("dataset", "category", "k_shot", "task", "branch_a", "branch_b")

PLOTS: dict[str, Plot] = {
    plot.name: plot
    for plot in (
        Plot(
            "gap-heatmap",
            "Gap of each category and K",
            "The gap of each category by K, averaged over seeds, one panel a task.",
            (*_CELL, "auroc_a", "auroc_b", "gap"),
        ),
        Plot(
            "dumbbell",
            "Both branches of each cell",
            "The AUROCs of both branches of each cell, the largest gap first; a line through a dot is its interval.",
            (*_CELL, "auroc_a", "auroc_b", "gap", "abs_gap"),
        ),
        Plot(
            "fusion",
            "What each fusion gains",
            "How the gain of each fusion over memory, and over the better branch, is spread over the cells.",
            ("task", "rule", "against", "cells", "mean", "low", "lower", "median", "upper", "high"),
        ),
        Plot(
            "critical-difference",
            "Critical differences",
            "The mean rank of each contender over the categories; bars that do not overlap differ (Nemenyi, 0.05).",
            ("task", "contender", "mean_rank", "categories", "critical_difference"),
        ),
        Plot(
            "audit",
            "Estimate against exact",
            "The AUROCs that the old estimate gives, against the true ones of the same cells.",
            ("dataset", "category", "k_shot", "task", "branch", "estimate", "auroc"),
        ),
        Plot(
            "roc",
            "ROC curves",
            "The exact ROC curves of the branches of one cell.",
            ("branch", "false_positive_rate", "true_positive_rate", "auroc"),
            one_cell=True,
        ),
        Plot(
            "pr",
            "Precision-recall curves",
            "The exact precision-recall curves of the branches of one cell.",
            ("branch", "true_positive_rate", "precision", "ap"),
            one_cell=True,
        ),
    )
}


def draw(
    name: str,
    result: ResultSet,
    *,
    title: str | None = None,
    width: int | None = None,
    height: int | None = None,
    size: float = 12,
    ink: str = "currentColor",
) -> alt.Chart:
    """The chart ``name`` of PLOTS, from a ResultSet with its columns (AUROCs and gaps 0..1; see ``db.plot_data``).

    ``title`` is printed above it (default: none, for a page has its own headings). ``width`` is that of the whole chart
    and ``height`` that of each panel, in pixels (default: what suits the data); ``size`` is that of the text, and
    ``ink`` its colour, by default that of the surrounding text. Upper bounds, supervised rules and estimates are marked, with
    footnotes. The chart is an Altair chart of any kind (layered,
    concatenated): all have ``to_dict()``.

    Raises UsageError for an unknown name or missing columns, NoRowsError when there is nothing to draw.
    """
    checked(name, result)
    from promptad_db.plots.theme import Look, themed

    drawn = _module(name).draw(result, Look(width, height, size))
    chart: alt.Chart = themed(drawn, title, ink, size, footnotes(marks_of(result.records())))
    return chart


def alt_text(name: str, result: ResultSet) -> str:
    """What a chart shows, as sentences with its key figures and footnotes. Arguments and errors as ``draw``."""
    checked(name, result)
    return " ".join([_module(name).alt_text(result), *(f"{line}." for line in footnotes(marks_of(result.records())))])


def checked(name: str, result: ResultSet) -> None:
    """Refuse an unknown name, a ResultSet of another chart, and one without rows."""
    if name not in PLOTS:
        raise UsageError(f"there is no plot {name!r}", f"use one of {', '.join(PLOTS)}")
    missing = [column for column in PLOTS[name].columns if column not in result.columns]
    if missing:
        raise UsageError(
            f"the plot {name} needs the columns {', '.join(missing)}", "plot_data() of its name makes them"
        )
    if not result.rows:
        raise NoRowsError(f"there is nothing to draw in {name}", "see what there is: promptad-db runs list")


def _module(name: str) -> Any:
    return import_module(f"promptad_db.plots.{name.replace('-', '_')}")
