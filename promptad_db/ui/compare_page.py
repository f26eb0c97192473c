"""Two runs, experiments, methods, variants or branches side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_db.db.queries.compare import KINDS
from promptad_db.db.queries.compare import compare as make_comparison
from promptad_db.db.queries.lists import choices
from promptad_db.errors import NoRowsError, UsageError
from promptad_db.tables import grids_of
from promptad_db.ui.filters import chosen, report_filters, text_of, texts_of
from promptad_db.ui.pages import page, shown_by

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def compare(request: Request) -> Response:
    """The page: a form, and below it the comparison once both sides are named (as ``a`` and ``b``, or twice as ``run``)."""
    database = shown_by(request).database
    ticked = texts_of(request, "side") or ()
    first, second = text_of(request, "a"), text_of(request, "b")
    kind = text_of(request, "by") or "auto"
    if ticked:
        if len(ticked) != 2:  # noqa: PLR2004 - two sides
            raise UsageError(f"{len(ticked)} runs are ticked", "go back and tick the two to be compared")
        (second, first), kind = ticked, "run"  # the list has the newer one first
    grids, notes, problem = [], [], None
    if first and second:
        try:
            made = make_comparison(
                first, second, database, report_filters(request), kind=kind, branch=text_of(request, "branch")
            )
            grids, notes = grids_of(made.sections), made.notes
        except (NoRowsError, UsageError) as error:
            problem = error
    return page(
        request,
        "compare.html",
        a=first or "",
        b=second or "",
        kind=kind,
        kinds=("auto", *KINDS),
        grids=grids,
        notes=notes,
        problem=problem,
        choices=choices(database),
        chosen=chosen(request),
    )
