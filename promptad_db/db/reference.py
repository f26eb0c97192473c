"""The published results beside a selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_db.datasets.categories import KINDS
from promptad_db.db.query import execute
from promptad_db.db.sql_files import load_sql
from promptad_db.reference import published

if TYPE_CHECKING:
    import sqlalchemy as sa


def add_published(connection: sa.Connection) -> None:
    """Make the temporary table of published means, which the section *reference* reads."""
    query, columns = load_sql("selection", "published"), published()
    given = {name: columns[name] for name in query.parameters if name in columns}
    execute(connection, query.sql, **given, of_categories=[len(KINDS[name]) for name in columns["dataset"]])
