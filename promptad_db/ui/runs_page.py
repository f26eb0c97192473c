"""The first page: what is running now, the experiments, and the runs with search, filters and order."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse

from promptad_db.db.queries.lists import SORTS, RunSearch, choices, experiments, find_runs, run_roots
from promptad_db.ui.filters import chosen, counted, number_of, text_of
from promptad_db.ui.pages import page, shown_by

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

PAGE = 50
_NUMBERS = ("k_shot", "seed")


def runs(request: Request) -> Response:
    """The page; its address holds search, filters, order and page number."""
    shown = shown_by(request)
    search: dict[str, Any] = {
        field.name: (number_of if field.name in _NUMBERS else text_of)(request, field.name)
        for field in fields(RunSearch)
    }
    order = {"sort": text_of(request, "sort") or "created_at", "direction": text_of(request, "direction") or "down"}
    number = counted(request, "page", 1)
    matching, matches = find_runs(shown.database, RunSearch(**search), page=number, size=PAGE, **order)
    shown.live.watch(run_roots(shown.database))
    return page(
        request,
        "runs.html",
        runs=matching.records(),
        matches=matches,
        number=number,
        pages=max(1, -(-matches // PAGE)),
        first=(number - 1) * PAGE + 1,
        search=search,
        order=order,
        sorts=SORTS,
        query={name: values for name, values in chosen(request).items() if name != "page"},
        experiments=experiments(shown.database).records(),
        choices=choices(shown.database),
        live=shown.live.running(),
    )


def progress(request: Request) -> Response:
    """The running runs as JSON, from their folders alone: asked for every few seconds."""
    return JSONResponse([run.content() for run in shown_by(request).live.running()])
