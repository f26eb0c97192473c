"""From the query of an address to filters, and back into the fields of a form."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from promptad_db.db.queries.selection import Filters
from promptad_db.errors import UsageError
from promptad_db.records import BRANCHES

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

LISTED = ("experiment", "dataset", "category", "k_shot", "seed", "method", "variant", "run")
_BEYOND = 1 << 63
_LONGEST_ADDRESS = 1 << 15


def readable(answer: Callable[[Request], Response]) -> Callable[[Request], Response]:
    """A page that first refuses addresses that no database and no file name could hold: UsageError says why."""

    @wraps(answer)
    def checked(request: Request) -> Response:
        query: bytes = request.scope["query_string"]
        path: bytes = request.scope.get("raw_path") or b""
        if len(query) + len(path) > _LONGEST_ADDRESS:
            raise UsageError(f"the address has more than {_LONGEST_ADDRESS >> 10} KiB", "ask for less at once")
        for part in (query, path):
            try:
                text = unquote_to_bytes(part).decode()
            except UnicodeDecodeError as error:
                raise UsageError("the address is not UTF-8 text", "write it anew") from error
            if "\0" in text:
                raise UsageError("the address holds a NUL character", "leave it out")
        return answer(request)

    return checked


def report_filters(request: Request) -> Filters:
    """The filters of an address; a name may be repeated, an empty value means all."""
    task = text_of(request, "task")
    branches = (text_of(request, "branch_a") or BRANCHES[0], text_of(request, "branch_b") or BRANCHES[1])
    if branches[0] == branches[1]:
        raise UsageError("the two branches are the same", "choose two different ones")
    return Filters(
        tasks=(task,) if task else None,
        experiments=texts_of(request, "experiment"),
        datasets=texts_of(request, "dataset"),
        categories=texts_of(request, "category"),
        k_shots=numbers_of(request, "k_shot"),
        seeds=numbers_of(request, "seed"),
        methods=texts_of(request, "method"),
        variants=texts_of(request, "variant"),
        run_ids=texts_of(request, "run"),
        branches=branches,
        provenance=text_of(request, "provenance") or "best",
    )


def chosen(request: Request) -> dict[str, list[str]]:
    """What the query of an address says, by name, without empty values: what a form shows as chosen."""
    query = request.query_params
    return {name: values for name in query if (values := [value for value in query.getlist(name) if value])}


def text_of(request: Request, name: str) -> str | None:
    """One value of the query, None when it is not there or empty."""
    return request.query_params.get(name, "").strip() or None


def texts_of(request: Request, name: str) -> tuple[str, ...] | None:
    """All values of one name, None when there is none."""
    return tuple(value for value in request.query_params.getlist(name) if value.strip()) or None


def numbers_of(request: Request, name: str) -> tuple[int, ...] | None:
    """All values of one name as whole numbers; UsageError for anything else."""
    return tuple(_number(name, value) for value in texts_of(request, name) or ()) or None


def number_of(request: Request, name: str) -> int | None:
    """One value of the query as a whole number, None when it is not there or empty."""
    value = text_of(request, name)
    return None if value is None else _number(name, value)


def counted(request: Request, name: str, default: int, most: int = 1_000_000) -> int:
    """One value of the query as a count from 1 to ``most``, else the default."""
    value: Any = number_of(request, name)
    return default if value is None else min(max(value, 1), most)


def _number(name: str, value: str) -> int:
    try:
        number = int(value)
    except ValueError as error:
        raise UsageError(f"{name}: {value!r} is not a whole number", "give digits alone") from error
    if abs(number) >= _BEYOND:
        raise UsageError(f"{name}: {value} is beyond 64 bits", "give a smaller number")
    return number
