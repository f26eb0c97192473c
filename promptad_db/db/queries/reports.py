"""The sections of the report, each one .sql file over the selection."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from promptad_db.db.engine import connect
from promptad_db.db.engine.query import fetch
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.db.queries import reference, variants
from promptad_db.db.queries.interval_columns import NOTE, with_intervals
from promptad_db.db.queries.kind_columns import kind_notes, kinds_of, with_provenance, with_sources
from promptad_db.db.queries.sections import SECTIONS
from promptad_db.db.queries.selection import Filters, list_rows, section_rows, select, unselect, without_idle
from promptad_db.db.queries.significance import significance_section
from promptad_db.errors import UsageError
from promptad_db.records import BRANCHES
from promptad_db.result_set import Section

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from promptad_db.db.engine.connect import Where

_WHERE_FITTING = {
    "variants": "variants", "repairs": "variants", "gate": "gate", "gate-picks": "gate", "cost": "cost",
    "significance": "significance",
}  # fmt: skip
_ON_REQUEST = ("reference",)  # hundreds of rows
_OF_SEMANTIC_AND_MEMORY = ("gate", "gate-picks", "cost")


@dataclass(frozen=True)
class Report:
    """The sections of a report, and what its reader must know beside them."""

    sections: list[Section]
    notes: list[str] = field(default_factory=list)

    def _repr_markdown_(self) -> str:
        """What a notebook shows."""
        from promptad_db.tables import render

        return render(self.sections, "md", notes=self.notes)


def report(
    db: Where | None = None,
    filters: Filters | None = None,
    *,
    sections: Sequence[str] = (),
    top: int = 10,
    min_gap: float | None = None,
    ci: bool = False,
) -> Report:
    """Which branch is weak, where, by how much, and would another fusion be better, in the cells that the filters choose.

    ``db`` is a database, else PROMPTAD_DB, else ./promptad.duckdb. Made are the ``sections`` asked for, by default all
    that have something to say: ``compare`` needs both tasks, ``fusion`` true AUROCs, ``variants`` and ``repairs`` several
    variants, ``cost`` timings, ``gate`` and ``gate-picks`` a gate, ``significance`` scores to test; ``reference`` must be
    asked for.

    ``top`` limits *worst* and *repairs*; ``min_gap`` (a fraction) is the smallest gap in *worst*, by default 0, and of
    what *repairs* takes for weak, by default 0.05; ``ci`` adds intervals (see interval_columns). Raises NoRowsError when
    nothing matches.
    """
    unknown = [name for name in sections if name not in SECTIONS]
    if unknown:
        raise UsageError(f"no section is called {unknown[0]}", f"the sections are {', '.join(SECTIONS)}")
    with connect.reading(connect.database_path(db)) as connection:
        each_variant = bool(sections) and set(sections) <= set(variants.SECTIONS)
        filters, notes = select(connection, filters or Filters(), each_variant=each_variant)
        notes += kind_notes(kinds_of(connection), filters.branches)
        if "reference" in sections:
            reference.add_published(connection)
        names = list(dict.fromkeys(sections)) or _fitting(connection, filters)
        of_variants: dict[str, Section] = {}
        if not set(names).isdisjoint(variants.SECTIONS):
            weak = variants.WEAK if min_gap is None else min_gap
            of_variants, more = variants.against_reference(connection, filters, min_gap=weak, top=top)
            notes += more
        made = [
            of_variants.get(name) or _section(connection, name, filters, top=top, min_gap=min_gap or 0.0)
            for name in names
        ]
        if ci:
            notes.append(NOTE)
            given = variants.parameters(connection, filters) if of_variants else {}
            made = [with_intervals(connection, section, filters, **given) for section in made]
        made = [without_idle(section) for section in made]
        if "cost" in names and filters.branches != BRANCHES:
            made[names.index("cost")] = _cost(connection, filters)
    return Report(
        [section for section in made if sections or section.name not in _WHERE_FITTING or section.result], notes
    )


def _section(connection: sa.Connection, name: str, filters: Filters, *, top: int, min_gap: float) -> Section:
    if name == "significance":
        return significance_section(connection, filters)
    if name in _OF_SEMANTIC_AND_MEMORY:
        filters = replace(filters, branches=BRANCHES)
    result = with_provenance(section_rows(connection, "reports", name, filters, top=top, min_gap=min_gap), filters)
    if name == "paper":
        result = with_sources(result, list_rows(connection, "series_sources", filters))
    return Section(name, load_sql("reports", name).title, result)


def _cost(connection: sa.Connection, filters: Filters) -> Section:
    """The section *cost*, which is about semantic and memory whatever branches a report compares."""
    unselect(connection)
    filters, _ = select(connection, replace(filters, branches=BRANCHES))
    return _section(connection, "cost", filters, top=0, min_gap=0.0)


def _fitting(connection: sa.Connection, filters: Filters) -> list[str]:
    facts = fetch(connection, load_sql("lists", "fitting").sql).records()[0]
    left_out = {name for name, fact in _WHERE_FITTING.items() if not facts[fact]}
    if filters.tasks and len(filters.tasks) == 1:
        left_out.add("compare")
    if filters.provenance == "approx":
        left_out |= {"fusion", "paper", *_WHERE_FITTING}
    return [name for name in SECTIONS if name not in left_out and name not in _ON_REQUEST]
