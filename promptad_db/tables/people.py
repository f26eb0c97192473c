"""A section as people read it: what its numbers are stands as marks behind names and numbers, explained below."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptad_db.marks import BRANCH_COLUMNS, ESTIMATE, Mark, branch_marks, footnotes, marked, value_marks
from promptad_db.tables.paper import is_paper, only_estimates, paper_footnotes, pivot_paper

if TYPE_CHECKING:
    from promptad_db.result_set import ResultSet, Section

_SHOWN_AS_MARKS = ("kind", "supervision", "upper_bound")
_PROVENANCE = "provenance"
_NO_AUROCS = "These are estimates from score means (approx), not measured AUROCs."


def for_people(section: Section) -> Section:
    """The section with marks behind its branches and estimates in place of the columns that say the same.

    A bare result, without a name, is given back as it is.
    """
    if not section.name:
        return section
    if is_paper(section):
        return pivot_paper(section)
    title = f"{section.title} {_NO_AUROCS}".strip() if only_estimates(section.result.records()) else section.title
    return replace(section, title=title, result=_marked(section.result))


def footnotes_of(section: Section) -> list[str]:
    """What the marks of ``for_people(section)`` mean, a line each."""
    if not section.name:
        return []
    if is_paper(section):
        return paper_footnotes(section)
    column = _branch_column(section.result)
    marks = [mark for row in section.result.records() for mark in _marks_of(row, column)]
    return footnotes(marks)


def _marks_of(row: dict[str, Any], column: str | None) -> list[Mark]:
    marks = [] if column is None else [*branch_marks(row[column], row)]
    return [*marks, *_of_provenance(row)]


def _of_provenance(row: dict[str, Any]) -> list[Mark]:
    """The column says itself what is exact and what reported."""
    return [mark for mark in value_marks(row) if mark == ESTIMATE]


def _branch_column(result: ResultSet) -> str | None:
    return next((name for name in BRANCH_COLUMNS if name in result.columns), None)


def _marked(result: ResultSet) -> ResultSet:
    column = _branch_column(result)
    kept = [name for name in result.columns if column is None or name not in _SHOWN_AS_MARKS]
    rows = []
    for row in result.records():
        new = dict(row)
        if column is not None:
            new[column] = marked(row[column], branch_marks(row[column], row))
        if _PROVENANCE in row:
            new[_PROVENANCE] = marked(row[_PROVENANCE], _of_provenance(row))
        rows.append(tuple(new[name] for name in kept))
    return replace(result, columns=tuple(kept), rows=rows)
