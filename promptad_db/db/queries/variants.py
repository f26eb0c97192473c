"""The variants of a selection against one of them, the reference."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from promptad_db.db.engine.query import fetch
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.db.queries.selection import make, section_rows
from promptad_db.result_set import Section

if TYPE_CHECKING:
    import sqlalchemy as sa

    from promptad_db.db.queries.selection import Filters

SECTIONS = ("variants", "repairs")
BASELINE = "baseline"
FUSIONS = ("max", "harmonic")
WEAK = 0.05  # a semantic branch is weak, and may be repaired, from 5 points on
ALL = 2**31


@dataclass(frozen=True)
class Sides:
    """The reference, the others that are there, and what a reader must know of them."""

    reference: str
    others: list[str]
    notes: list[str] = field(default_factory=list)


def sides(connection: sa.Connection, reference: str | None = None) -> Sides:
    """Who is compared with whom: ``reference``, else baseline where it ran, else the variant that ran first."""
    there = fetch(connection, load_sql("lists", "variants").sql).records()
    runs = {row["variant"]: row["run_ids"].split() for row in there}
    if reference is None:
        reference = BASELINE if BASELINE in runs else there[0]["variant"]
    others = [variant for variant in runs if variant != reference]
    notes = [] if others else [f"{reference} is the only variant here; there is nothing to compare it with"]
    for variant in others:
        different = protocol_differences(connection, runs.get(reference, []), runs[variant])
        if different:
            notes.append(f"{variant} and {reference} differ in {different}; their numbers may not be comparable")
    repeated = sum(row["repeated"] for row in there)
    if others and repeated:
        notes.append(f"variants: {repeated} runs repeat each other; the latest of each variant counts for a cell")
    return Sides(reference, others, notes)


def against_reference(
    connection: sa.Connection, filters: Filters, **limits: Any
) -> tuple[dict[str, Section], list[str]]:
    """Both sections of a selection as a report shows them, by name, and the notes for the reader."""
    found = sides(connection)
    made = variant_sections(connection, filters, found.reference, **limits)
    return {section.name: section for section in made}, found.notes


def parameters(connection: sa.Connection, filters: Filters, branch: str | None = None) -> dict[str, Any]:
    """What the section *variants* is about: the reference, and the branches that are shown."""
    return {"reference": sides(connection).reference, "shown": shown_branches(filters, branch)}


def shown_branches(filters: Filters, branch: str | None) -> list[str]:
    """The one ``branch``, else both branches and the usual fusions."""
    return [branch] if branch else [*filters.branches, *FUSIONS]


def variant_sections(
    connection: sa.Connection,
    filters: Filters,
    reference: str,
    *,
    min_gap: float = WEAK,
    top: int = ALL,
    branch: str | None = None,
) -> list[Section]:
    """The sections *variants* (of both branches, max and harmonic, or of one ``branch``) and *repairs*.

    ``min_gap`` (a fraction) says from where on the reference's semantic branch is weak; ``top`` limits the repairs.
    """
    given: dict[str, Any] = {
        "reference": reference,
        "shown": shown_branches(filters, branch),
        "min_gap": min_gap,
        "top": top,
    }
    for name in ("variant_numbers", "weak_cells"):
        make(connection, name, filters, given)
    return [_section(connection, name, filters, given) for name in SECTIONS]


def _section(connection: sa.Connection, name: str, filters: Filters, given: dict[str, Any]) -> Section:
    result = section_rows(connection, "reports", name, filters, **given)
    kinds = {column: kind for column, kind in result.kinds.items() if not kind.startswith("share_of:")}  # too wide
    title = f"{load_sql('reports', name).title} The reference is {given['reference']}."
    return Section(name, title, replace(result, kinds=kinds))


def protocol_differences(connection: sa.Connection, runs_a: list[str], runs_b: list[str]) -> str:
    """In what the protocols of some runs differ from those of others in the same tasks, as words; empty if in nothing."""
    query = load_sql("lists", "protocols")
    one, other = (fetch(connection, query.sql, run_ids=runs) for runs in (runs_a, runs_b))
    shared = {row[0] for row in one.rows} & {row[0] for row in other.rows}  # the first column is the task
    differing = [
        name
        for index, name in enumerate(one.columns)
        if {row[index] for row in one.rows if row[0] in shared}
        != {row[index] for row in other.rows if row[0] in shared}
    ]
    return ", ".join(differing).replace("_", " ")
