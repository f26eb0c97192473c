"""The charts of a page, from the database, and a chart as a file of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptad_db.db import database_path
from promptad_db.db.queries.plot_data import CURVES, TOP, plot_data_and_notes
from promptad_db.db.queries.selection import Filters
from promptad_db.errors import NoRowsError, UsageError
from promptad_db.page.html import Figure, html_file, json_inside
from promptad_db.plots import INK, PLOTS, SUFFIXES, alt_text, draw, image_bytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptad_db.db.engine.connect import Where
    from promptad_db.result_set import ResultSet

PAGE_WIDTH = 1040
_MILLIMETRES_A_POINT = 25.4 / 72


def figures(database: Where, filters: Filters, top: int) -> list[Figure]:
    """The charts of the report that have something to show; ``top`` as in ``plot_data``."""
    charts = []
    for name in (plot.name for plot in PLOTS.values() if not plot.one_cell):
        try:
            result, notes = plot_data_and_notes(database, name, filters, top=top)
        except NoRowsError:
            continue
        charts.append(_figure(name, result, [note for note in notes if result.cut and "largest gaps" in note]))
    return charts


@dataclass(frozen=True)
class ChartFile:
    """The content of a file that holds a chart, and what its reader must know beside it."""

    content: bytes
    notes: list[str] = field(default_factory=list)


def plot(
    name: str,
    suffix: str = ".svg",
    db: Where | None = None,
    filters: Filters | None = None,
    *,
    branches: Sequence[str] | None = None,
    top: int = TOP,
    title: str | None = None,
    width: float | None = None,
    height: float | None = None,
    dpi: int = 300,
    size: float = 8,
) -> ChartFile:
    """The chart ``name`` as the content of a file (``.svg``, ``.pdf``, ``.png``, ``.html``); `plots.PLOTS` has the names.

    ``db`` is a database, else PROMPTAD_DB, else ./promptad.duckdb; the filters choose the cells, one for a curve.
    ``width`` of the whole and ``height`` of each panel are in millimetres, ``size`` is that of the text in points, ``dpi`` the
    dots an inch of a PNG. ``branches`` are those of a curve; the two to compare are among the filters. ``top`` is how many
    cells *dumbbell* shows. An HTML page takes its own sizes.

    Raises UsageError for an unknown name or suffix, NoRowsError when there is nothing to draw.
    """
    if suffix not in (*SUFFIXES, ".html"):
        known = ", ".join((*SUFFIXES, ".html"))
        raise UsageError(f"a chart cannot be written as {suffix or 'a file without a suffix'}", f"use one of {known}")
    result, notes = plot_data_and_notes(database_path(db), name, filters or Filters(), top=top, branches=branches)
    if suffix == ".html":
        heading = title or PLOTS[name].title
        page = html_file("chart.html.j2", title=heading, charts=[_figure(name, result, notes)])
        return ChartFile(page.encode(), notes)
    points = [None if length is None else round(length / _MILLIMETRES_A_POINT) for length in (width, height)]
    chart = draw(name, result, title=title, width=points[0], height=points[1], size=size, ink=INK)
    return ChartFile(image_bytes(chart, suffix, dpi=dpi), notes)


def _figure(name: str, result: ResultSet, notes: Sequence[str] = ()) -> Figure:
    width = None if name in (*CURVES, "audit") else PAGE_WIDTH
    spec = draw(name, result, width=width).to_dict()
    return Figure(name, PLOTS[name].title, alt_text(name, result), json_inside(spec), tuple(notes))
