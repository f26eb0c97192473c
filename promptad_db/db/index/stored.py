"""What the database holds of runs, and how it lets go of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from promptad_db.db.engine import tables

if TYPE_CHECKING:
    from collections.abc import Sequence


Fingerprints = dict[str, dict[str, str]]
"""Of categories, by run id and category."""


@dataclass
class StoredRun:
    """What the database holds of one run."""

    row: dict[str, Any]
    tags: set[str] = field(default_factory=set)
    fingerprints: dict[str, str] = field(default_factory=dict)


def stored_runs(connection: sa.Connection, run_ids: Sequence[str]) -> dict[str, StoredRun]:
    """What the database holds of these runs, by id."""
    runs = sa.select(tables.runs).where(among(tables.runs.c.run_id, run_ids))
    stored = {row["run_id"]: StoredRun(dict(row)) for row in connection.execute(runs).mappings()}
    tags = sa.select(tables.run_tags).where(among(tables.run_tags.c.run_id, run_ids))
    for run_id, tag in connection.execute(tags):
        stored[run_id].tags.add(tag)
    of_categories = tables.run_categories.c
    fingerprints = sa.select(of_categories.run_id, of_categories.category, of_categories.fingerprint)
    for run_id, category, fingerprint in connection.execute(fingerprints.where(among(of_categories.run_id, run_ids))):
        stored[run_id].fingerprints[category] = fingerprint
    return stored


def stored_fingerprints(connection: sa.Connection) -> Fingerprints:
    """The fingerprints of all categories that the database holds."""
    found: Fingerprints = {}
    of_categories = tables.run_categories.c
    for row in connection.execute(sa.select(of_categories.run_id, of_categories.category, of_categories.fingerprint)):
        found.setdefault(row[0], {})[row[1]] = row[2]
    return found


def delete_rows(connection: sa.Connection, run_ids: Sequence[str]) -> None:
    """Take all rows of some runs out of the database, in the connection's transaction."""
    for table in (tables.runs, tables.run_tags, *tables.CATEGORY_TABLES):
        connection.execute(table.delete().where(among(table.c.run_id, run_ids)))


def among(column: sa.Column[Any], run_ids: Sequence[str]) -> sa.ColumnElement[bool]:
    """Whether a column holds one of these run ids."""
    # One text instead of thousands of parameters, which DuckDB's client binds slowly; run ids hold no comma.
    return column.in_(sa.select(sa.func.unnest(sa.func.string_to_array(",".join(run_ids), ","))))
