"""The only sqlalchemy, alembic and duckdb code: the database is an index of the run folders."""

from promptad_db.db.connect import database_path
from promptad_db.db.query import Database, open_db
from promptad_db.db.write import IndexOutcome, index_folders

__all__ = ["Database", "IndexOutcome", "database_path", "index_folders", "open_db"]
