"""A section as people read it: what its numbers are stands as marks behind names and numbers, explained below."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptad_db.marks import (
    BRANCH_COLUMNS,
    ESTIMATE,
    KIND_COLUMNS,
    SIDES,
    Mark,
    branch_marks,
    branches_of,
    footnotes,
    marked,
    value_marks,
)
from promptad_db.tables.paper import is_paper, only_estimates, paper_footnotes, pivot_paper

if TYPE_CHECKING:
    from promptad_db.result_set import ResultSet, Section

_SHOWN_AS_MARKS = {*KIND_COLUMNS, *(f"{name}{end}" for name in ("branch", *KIND_COLUMNS) for end in SIDES)}
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
    return footnotes(mark for row in section.result.records() for mark in _marks_of(row))


def _marks_of(row: dict[str, Any]) -> list[Mark]:
    return [*(mark for name, what, _ in branches_of(row) for mark in branch_marks(name, what)), *_of_provenance(row)]


def _of_provenance(row: dict[str, Any]) -> list[Mark]:
    """The column says itself what is exact and what reported."""
    return [mark for mark in value_marks(row) if mark == ESTIMATE]


def _marked(result: ResultSet) -> ResultSet:
    column = next((name for name in BRANCH_COLUMNS if name in result.columns), None)
    kept = [name for name in result.columns if column is None or name not in _SHOWN_AS_MARKS]
    rows = []
    for row in result.records():
        new = dict(row)
        if column is not None:
            named = [marked(name, branch_marks(name, what)) for name, what, _ in branches_of(row)]
            new[column] = named[0] if len(named) == 1 else ", ".join(named)
        if _PROVENANCE in row:
            new[_PROVENANCE] = marked(row[_PROVENANCE], _of_provenance(row))
        rows.append(tuple(new[name] for name in kept))
    return replace(result, columns=tuple(kept), rows=rows)
