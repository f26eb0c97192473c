"""The two entries: a whole report, and a bare result."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from promptad_db.errors import UsageError
from promptad_db.result_set import Section
from promptad_db.tables.bounds import with_bounds, without_bounds
from promptad_db.tables.grid import lay_out, shortened
from promptad_db.tables.highlights import highlighted
from promptad_db.tables.html import html_page
from promptad_db.tables.latex import latex_tables
from promptad_db.tables.markdown import markdown
from promptad_db.tables.names import FORMATS
from promptad_db.tables.people import footnotes_of, for_people
from promptad_db.tables.plan import plan_text
from promptad_db.tables.raw import csv_sections, json_rows, json_sections
from promptad_db.tables.table import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptad_db.result_set import ResultSet
    from promptad_db.tables.grid import Grid

_LONGEST_CELL = 100_000  # characters

_PAGES = {"md": markdown, "latex": latex_tables, "html": html_page}


def render(
    sections: Sequence[Section],
    format: str,  # noqa: A002 - the word of the command line
    *,
    notes: Sequence[str] = (),
    width: int | None = None,
    colour: bool = False,
) -> str:
    """A report as text that ends with one newline.

    ``json`` and ``csv`` hold raw values (AUROCs and gaps in 0..1); the other formats print by the kinds of the columns,
    AUROCs in percent and gaps in points, and explain the marks of upper bounds, supervised rules and estimates below
    their table. ``notes`` are what a reader must know beside the numbers: part of ``md``, ``latex`` (as comments),
    ``html`` and ``json`` (as rows of one more section, ``notes``). ``width`` (columns of the terminal; None: as wide as
    needed) and ``colour`` matter to ``table`` alone. Raises UsageError for a format that is not in FORMATS.
    """
    _check(format)
    if format == "json":
        return json_sections(sections, notes)
    if format == "csv":
        return csv_sections(sections)
    grids = grids_of(sections)
    if format == "table":
        return tables(grids, width=width, colour=colour)
    return _PAGES[format](grids, notes)


def render_rows(
    result: ResultSet,
    format: str,  # noqa: A002 - the word of the command line
    *,
    width: int | None = None,
    colour: bool = False,
) -> str:
    """A bare result, without name and title; in ``json`` a list of row objects. Otherwise as ``render``.

    In ``table`` a plan is its text, and a cell longer than a terminal is good for is cut and says so.
    """
    if format == "json":
        return json_rows(result)
    if format == "table":
        plan = plan_text(result)
        if plan is not None:
            return plan
        rows = [tuple(shortened(value, _LONGEST_CELL) for value in row) for row in result.rows]
        result = replace(result, rows=rows)
    return render([Section("", "", result)], format, width=width, colour=colour)


def grids_of(sections: Sequence[Section]) -> list[Grid]:
    """The sections as texts for people in rows and columns, for a page that lays them out itself."""
    return [_grid(section) for section in sections]


def _grid(section: Section) -> Grid:
    shown = for_people(section)
    bare = replace(shown, result=without_bounds(shown.result))
    grid = with_bounds(highlighted(lay_out(bare), bare.result), shown.result)
    return replace(grid, footnotes=tuple(footnotes_of(section)))


def _check(name: str) -> None:
    if name not in FORMATS:
        raise UsageError(f"there is no format {name!r}", f"use one of {', '.join(FORMATS)}")
