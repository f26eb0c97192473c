"""The charts as JSON, and the script that draws them: a page asks for each when it comes into sight."""

from __future__ import annotations

import threading
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from promptad_db.db.queries.plot_data import curves_of_cell, plot_data
from promptad_db.errors import NoRowsError, UsageError
from promptad_db.metrics import OneClassError
from promptad_db.plots import alt_text, chart_script, draw
from promptad_db.records import LEVEL_OF_TASK
from promptad_db.tables.values import raw
from promptad_db.ui.cells import branches_of, cell_of
from promptad_db.ui.filters import report_filters, text_of
from promptad_db.ui.histograms import describe_histograms, draw_histograms
from promptad_db.ui.pages import shown_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

    from promptad_db.records import Level
    from promptad_db.result_set import ResultSet

CURVES = ("roc", "pr")
_STEPS = 300  # as fine as a chart of this size can show
HISTOGRAMS = "histograms"
_one_at_a_time = threading.Lock()
_WIDTH = 560
_CURVE_WIDTH = 370


def chart(request: Request) -> Response:
    """A chart of the report, by ``name``, under the filters of the address."""
    name = text_of(request, "name") or ""
    return _answer(lambda: _of_report(request, name))


def cell_chart(request: Request) -> Response:
    """A chart of one cell: ``roc``, ``pr`` or ``histograms``, of the branches of the address."""
    name = text_of(request, "name") or ""
    if name not in (*CURVES, HISTOGRAMS):
        raise UsageError(f"a cell has no chart {name!r}", f"use one of {', '.join((*CURVES, HISTOGRAMS))}")
    return _answer(lambda: _of_cell(request, name))


def script(_request: Request) -> Response:
    """The JavaScript that draws charts; browsers keep it for a day."""
    return Response(chart_script(), media_type="text/javascript", headers={"Cache-Control": "private, max-age=86400"})


def _of_report(request: Request, name: str) -> tuple[Any, str]:
    rows = plot_data(shown_by(request).database, name, report_filters(request))
    return draw(name, rows, width=_WIDTH), alt_text(name, rows)


def _of_cell(request: Request, name: str) -> tuple[Any, str]:
    cell = cell_of(request)
    branches = branches_of(request, cell)
    if name == HISTOGRAMS:
        return draw_histograms(cell.result, branches), describe_histograms(cell.result, branches)
    with _one_at_a_time:  # both charts are asked for at once, and need the same curves
        rows = _curves(cell.folder, cell.category, LEVEL_OF_TASK[cell.info.task], branches, cell.changed)
    return draw(name, rows, width=_CURVE_WIDTH), alt_text(name, rows)


@lru_cache(maxsize=8)
def _curves(folder: Path, category: str, level: Level, branches: tuple[str, ...], _changed: object) -> ResultSet:
    return curves_of_cell(folder, category, level, branches, steps=_STEPS)


def _answer(make: Callable[[], tuple[Any, str]]) -> Response:
    """A specification, and what it shows in words; where there is nothing to draw, that in words."""
    try:
        drawn, text = make()
    except (NoRowsError, OneClassError) as error:
        return JSONResponse({"spec": None, "alt_text": f"Nothing to draw: {error.args[0]}."})
    return JSONResponse({"spec": raw(drawn.to_dict(validate=False)), "alt_text": text})  # JSON knows no NaN
