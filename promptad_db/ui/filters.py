"""From the query of an address to filters, and back into the fields of a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptad_db.db.selection import BRANCHES, Filters
from promptad_db.errors import UsageError

if TYPE_CHECKING:
    from starlette.requests import Request

LISTED = ("experiment", "dataset", "category", "k_shot", "seed", "method", "variant", "run")
PROVENANCES = ("best", "exact", "reported", "approx")
_BEYOND = 1 << 63


def report_filters(request: Request) -> Filters:
    """The filters of an address; a name may be repeated, an empty value means all."""
    task = text_of(request, "task")
    branches = (text_of(request, "branch_a") or BRANCHES[0], text_of(request, "branch_b") or BRANCHES[1])
    if branches[0] == branches[1]:
        raise UsageError("the two branches are the same", "choose two different ones")
    provenance = text_of(request, "provenance") or "best"
    if provenance not in PROVENANCES:
        raise UsageError(f"there is no provenance {provenance}", f"use one of {', '.join(PROVENANCES)}")
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
        provenance=provenance,
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
