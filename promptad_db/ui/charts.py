"""The charts as JSON, and the script that draws them: a page asks for each when it comes into sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from promptad_db.cell_view import curves
from promptad_db.db.plot_data import plot_data
from promptad_db.errors import UsageError
from promptad_db.plots import chart_script, draw, say
from promptad_db.records import LEVEL_OF_TASK
from promptad_db.ui.cells import branches_of, cell_of
from promptad_db.ui.filters import report_filters, text_of
from promptad_db.ui.histograms import draw_histograms, say_histograms
from promptad_db.ui.pages import shown_by

if TYPE_CHECKING:
    from starlette.requests import Request

CURVES = ("roc", "pr")
HISTOGRAMS = "histograms"
_WIDTH = 560
_CURVE_WIDTH = 400


def chart(request: Request) -> Response:
    """A chart of the report, by ``name``, under the filters of the address."""
    name = text_of(request, "name") or ""
    rows = plot_data(shown_by(request).database, name, report_filters(request))
    return _answer(draw(name, rows, width=_WIDTH), say(name, rows))


def cell_chart(request: Request) -> Response:
    """A chart of one cell: ``roc``, ``pr`` or ``histograms``, of the branches of the address."""
    cell = cell_of(request)
    branches = branches_of(request, cell)
    name = text_of(request, "name") or ""
    if name == HISTOGRAMS:
        return _answer(draw_histograms(cell.result, branches), say_histograms(cell.result, branches))
    if name not in CURVES:
        raise UsageError(f"a cell has no chart {name!r}", f"use one of {', '.join((*CURVES, HISTOGRAMS))}")
    rows = curves(cell.folder, cell.category, LEVEL_OF_TASK[cell.info.task], branches)
    return _answer(draw(name, rows, width=_CURVE_WIDTH), say(name, rows))


def script(_request: Request) -> Response:
    """The JavaScript that draws charts; browsers keep it for a day."""
    return Response(chart_script(), media_type="text/javascript", headers={"Cache-Control": "private, max-age=86400"})


def _answer(drawn: Any, said: str) -> Response:
    return JSONResponse({"spec": drawn.to_dict(), "said": said})
