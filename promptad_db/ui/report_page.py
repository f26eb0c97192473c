"""The report: filters, the charts of what they choose, and its sections as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptad_db.db.queries.lists import choices
from promptad_db.db.queries.reports import report as make_report
from promptad_db.db.queries.sections import SECTIONS
from promptad_db.db.queries.selection import PROVENANCES
from promptad_db.errors import NoRowsError, UsageError
from promptad_db.plots import PLOTS
from promptad_db.tables import grids_of
from promptad_db.ui.filters import LISTED, chosen, counted, report_filters, texts_of
from promptad_db.ui.pages import address, page, shown_by

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from promptad_db.result_set import Section

TOP = 20
_CELL = ("dataset", "category", "k_shot", "seed", "task")


def report(request: Request) -> Response:
    """The page; its address holds the filters."""
    database = shown_by(request).database
    query = chosen(request)
    made, problem = None, None
    try:
        made = make_report(
            database,
            report_filters(request),
            sections=texts_of(request, "section") or (),
            top=counted(request, "top", TOP, 1000),
        )
    except (NoRowsError, UsageError) as error:
        problem = error
    sections = made.sections if made else []
    links = [_links(section, query) for section in sections]
    return page(
        request,
        "report.html",
        grids=list(zip(grids_of(sections), links, strict=True)),
        notes=made.notes if made else [],
        problem=problem,
        plots=[plot for plot in PLOTS.values() if not plot.one_cell] if made else [],
        sections=SECTIONS,
        provenances=PROVENANCES,
        listed=LISTED,
        choices=choices(database),
        chosen=query,
        top=TOP,
    )


def _links(section: Section, query: dict[str, list[str]]) -> list[str | None]:
    """Where the category of each row leads: to its cell, or to the report of the category where a row is no cell."""
    return [_link(row, query) for row in section.result.records()]


def _link(row: dict[str, Any], query: dict[str, list[str]]) -> str | None:
    if set(_CELL) <= set(row):
        experiment = query.get("experiment", [None])[-1]
        return address("/cell", {name: row[name] for name in _CELL}, experiment=experiment, variant=row.get("variant"))
    return address("/report", query, category=row["category"]) if "category" in row else None
