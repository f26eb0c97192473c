"""The only sqlalchemy, alembic and duckdb code: the database is an index of the run folders.

The names are lazy: a report must not wait for what only writing needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptad_db.db.engine.connect import database_path, db_option
    from promptad_db.db.engine.query import Database, open_db
    from promptad_db.db.index.outcome import IndexOutcome
    from promptad_db.db.index.write import index_folders

__all__ = ["Database", "IndexOutcome", "database_path", "db_option", "index_folders", "open_db"]

_HOMES = {
    "Database": "engine.query",
    "IndexOutcome": "index.outcome",
    "database_path": "engine.connect",
    "db_option": "engine.connect",
    "index_folders": "index.write",
    "open_db": "engine.query",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"promptad_db.db.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'promptad_db.db' has no attribute {name!r}")
