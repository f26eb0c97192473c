"""The sections of the report, each one .sql file over the selection."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptad_db.db import connect
from promptad_db.db.selection import Filters, section_rows, select
from promptad_db.db.sql_files import load_sql
from promptad_db.errors import UsageError
from promptad_db.result_set import Section

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SECTIONS = ("summary", "datasets", "worst", "k-shot", "categories", "fusion", "compare", "paper")


@dataclass(frozen=True)
class Report:
    """The sections of a report, and what its reader must know beside them."""

    sections: list[Section]
    notes: list[str] = field(default_factory=list)


def report(
    database: Path, filters: Filters, *, sections: Sequence[str] = (), top: int = 10, min_gap: float = 0.0
) -> Report:
    """The sections asked for, by default all that fit: ``compare`` needs both tasks, ``fusion`` true AUROCs.

    ``top`` and ``min_gap`` (a fraction) limit the section *worst*. Raises NoRowsError when nothing matches.
    """
    unknown = [name for name in sections if name not in SECTIONS]
    if unknown:
        raise UsageError(f"no section is called {unknown[0]}", f"the sections are {', '.join(SECTIONS)}")
    with connect.reading(database) as connection:
        understood, notes = select(connection, filters)
        chosen = sections or _fitting(understood)
        rows = {
            name: section_rows(connection, "reports", name, understood, top=top, min_gap=min_gap) for name in chosen
        }
    return Report([Section(name, load_sql("reports", name).title, result) for name, result in rows.items()], notes)


def _fitting(filters: Filters) -> list[str]:
    left_out = set()
    if filters.tasks and len(filters.tasks) == 1:
        left_out.add("compare")
    if filters.provenance == "approx":
        left_out |= {"fusion", "paper"}
    return [name for name in SECTIONS if name not in left_out]
