"""What every page shares: templates that escape everything, values for people, links, and errors as pages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import jinja2
from starlette.responses import HTMLResponse

from promptad_db.errors import DatabaseError, DatabaseLockedError, InputError, NoRowsError, PromptadError
from promptad_db.tables.grid import printed
from promptad_db.tables.values import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from promptad_db.db.engine.connect import Where
    from promptad_db.ui.live import LiveRuns

STATIC = Path(__file__).parent / "static"
RETRY_SECONDS = 3
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True)
class Shown:
    """What the app shows: a database file, who watches the run folders, and where images are (None: as runs say)."""

    database: Where
    live: LiveRuns
    data_root: Path | None


def shown_by(request: Request) -> Shown:
    """What the app of this request shows."""
    shown: Shown = request.app.state.shown
    return shown


def page(request: Request, template: str, *, status: int = 200, **content: Any) -> Response:
    """A page from a template, which finds the address of the request in ``here``."""
    content |= {"here": request.url.path, "database": shown_by(request).database}
    return HTMLResponse(_environment.get_template(template).render(content), status)


def explain(request: Request, error: Exception) -> Response:
    """An error as a page: what happened, and how to fix it; a locked database is asked again by the browser."""
    locked = isinstance(error, DatabaseLockedError)
    answer = page(
        request, "error.html", status=_status(error), retry=RETRY_SECONDS if locked else None, **_words(error)
    )
    if locked:
        answer.headers["Retry-After"] = answer.headers["Refresh"] = str(RETRY_SECONDS)
    return answer


def _status(error: Exception) -> int:
    if isinstance(error, NoRowsError):
        return HTTPStatus.NOT_FOUND
    if isinstance(error, DatabaseError):
        return HTTPStatus.SERVICE_UNAVAILABLE
    return HTTPStatus.UNPROCESSABLE_ENTITY if isinstance(error, InputError) else HTTPStatus.BAD_REQUEST


def _words(error: Exception) -> dict[str, str]:
    message, _, hint = str(error).partition("\n")
    return {"message": message, "hint": hint.strip() if isinstance(error, PromptadError) else ""}


def address(path: str, values: Mapping[str, Any] | None = None, **more: Any) -> str:
    """An address with a query: None and empty values are left out, lists repeat their name."""
    chosen = {name: value for name, value in {**(values or {}), **more}.items() if value not in (None, "", (), [])}
    return f"{path}?{urlencode(chosen, doseq=True)}" if chosen else path


def ago(moment: datetime) -> str:
    """How long ago something was, in words; times without a zone are UTC."""
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{seconds // length} {unit} ago"
    return f"{seconds} s ago"


def short_id(run_id: str) -> str:
    """The end of a run id, which is enough to tell runs apart."""
    return run_id.rpartition("-")[2]


_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {"shown": printed, "line": one_line, "ago": ago, "short": short_id}
_environment.globals |= {"address": address}
