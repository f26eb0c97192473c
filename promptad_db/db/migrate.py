"""From any released schema to this version's: Alembic from code, and the views made anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from promptad_db.db import connect
from promptad_db.db.sql_files import load_views
from promptad_db.errors import DatabaseError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptad_db.db.connect import Where


def migrations_folder() -> Path:
    """The migrations: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise DatabaseError(
        "the migrations are missing from this installation", "pip install --force-reinstall promptad-db"
    )


def init(database: Where) -> tuple[str | None, str]:
    """Make a database, or bring an older one to this schema; returns the revisions before and after."""
    place = connect.database_path(database)
    existed = place.exists()
    with connect.migrating(place) as connection:
        before = connect.revision_of(connection) if existed else None
        if before is not None and before > connect.HEAD:
            connect.check_revision(connection, place)
        if existed and before is None and sa.inspect(connection).get_table_names():
            raise SchemaError(f"{place}: holds tables that are not ours", "give --db another file or database")
        if before != connect.HEAD:
            upgrade(connection)
    return before, connect.HEAD


def upgrade(connection: sa.Connection) -> None:
    """Run the missing migrations on a connection and make all views anew, in its transaction."""
    views = list(load_views())
    for view in reversed(views):
        connection.execute(sa.text(f"DROP VIEW IF EXISTS {view.name}"))
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = connect.REVISION_TABLE
    command.upgrade(config, "head")
    for view in views:
        connection.exec_driver_sql(f"CREATE VIEW {view.name} AS {view.sql}")


def revisions() -> Iterator[str]:
    """All revisions that the migrations know, newest first."""
    from alembic.script import ScriptDirectory

    for script in ScriptDirectory(str(migrations_folder())).walk_revisions():
        yield script.revision
