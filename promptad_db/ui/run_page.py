"""One run: its progress while it runs, its categories, what it learned, and every number with its provenance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_db.db.queries.lists import run_cells
from promptad_db.db.queries.runs import show_run
from promptad_db.errors import DatabaseError, NoRowsError
from promptad_db.result_set import Section
from promptad_db.tables import grids_of
from promptad_db.ui.pages import page, shown_by

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def run(request: Request) -> Response:
    """The page of a run that the database knows, or that is running."""
    shown = shown_by(request)
    run_id: str = request.path_params["run_id"]
    live = [one for one in shown.live.running() if one.info.run_id == run_id]
    try:
        known, *sections = show_run(shown.database, run_id)
    except (NoRowsError, DatabaseError):
        if not live:
            raise
        return page(request, "run.html", run_id=run_id, facts=[], cells=None, grids=[], live=live, facts_of={})
    facts = [(name, value) for name, value in known.result.rows if value]
    run_id = str(dict(facts)["run_id"])
    cells = run_cells(shown.database, run_id)
    return page(
        request,
        "run.html",
        run_id=run_id,
        facts=facts,
        facts_of=dict(facts),
        cells=grids_of([Section("categories", "AUROC of each category at the level of the task.", cells)])[0],
        grids=grids_of(sections),
        live=live,
    )
