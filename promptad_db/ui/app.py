"""The app: which address is answered by which page, and what stands in front of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from promptad_db.errors import PromptadError
from promptad_db.run_folder import default_root
from promptad_db.ui import cell_page, charts, compare_page, report_page, run_page, runs_page, sql_page
from promptad_db.ui.access import HEADERS, LOOPBACK, Access
from promptad_db.ui.filters import readable
from promptad_db.ui.live import LiveRuns
from promptad_db.ui.pages import STATIC, Shown, explain, page

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from starlette.requests import Request

    from promptad_db.db.engine.connect import Where


def create_app(
    database: Where,
    runs: Path | None = None,
    token: str | None = None,
    *,
    data_root: Path | None = None,
    hosts: Sequence[str] = LOOPBACK,
) -> Starlette:
    """The app over a database file, which may not be there yet, as an ASGI application.

    ``runs`` is where new run folders appear (else PROMPTAD_RUNS, else ./runs); those that the database knows are watched
    too. ``data_root`` holds the images, else each run says where they are. With a ``token`` nothing is shown without it.
    ``hosts`` are the names under which a browser may ask, ``*`` for any: a page of somebody else that resolves to this
    machine is refused.
    """
    app = Starlette(
        routes=[
            Route("/", readable(runs_page.runs)),
            Route("/progress.json", readable(runs_page.progress)),
            Route("/run/{run_id}", readable(run_page.run)),
            Route("/report", readable(report_page.report)),
            Route("/cell", readable(cell_page.cell)),
            Route("/image.png", readable(cell_page.image)),
            Route("/compare", readable(compare_page.compare)),
            Route("/sql", readable(sql_page.sql)),
            Route("/chart.json", readable(charts.chart)),
            Route("/cell-chart.json", readable(charts.cell_chart)),
            Route("/static/vega.js", charts.script),
            Route("/favicon.ico", lambda _request: RedirectResponse("/static/icon.svg")),
            Mount("/static", StaticFiles(directory=STATIC)),
        ],
        middleware=[
            Middleware(Access, token=token),
            Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False),
        ],
        exception_handlers={PromptadError: _refused, HTTPException: _no_such_page, Exception: _bug},
    )
    app.state.shown = Shown(database, LiveRuns([default_root(runs)]), data_root)
    return app


def _refused(request: Request, error: Exception) -> Response:
    answer = explain(request, error)
    return _as_json(error, answer.status_code) if _for_programs(request) else answer


def _no_such_page(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return page(request, "error.html", status=error.status_code, message=error.detail, hint="", retry=None)


def _bug(request: Request, error: Exception) -> Response:
    answer = page(
        request,
        "error.html",
        status=500,
        message=f"{type(error).__name__}: {error}",
        hint="this is a bug; the terminal of promptad-db ui shows where",
        retry=None,
    )
    if _for_programs(request):
        answer = _as_json(error, answer.status_code)
    answer.headers.update(HEADERS)  # it is answered in front of what else puts them there
    return answer


def _for_programs(request: Request) -> bool:
    return request.url.path.endswith((".json", ".png"))


def _as_json(error: Exception, status: int) -> Response:
    return JSONResponse({"error": str(error)}, status)
