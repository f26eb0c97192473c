"""Which schema a database has, which one this version works with, and the migrations between them."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from promptad_db.db.engine.sql_files import load_comments, load_views
from promptad_db.errors import DatabaseError, SchemaError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.script import Script

    from promptad_db.db.engine.backend import Backend
    from promptad_db.db.engine.sql_files import SqlFile

REVISION_TABLE = "promptad_revision"


def migrations_folder() -> Path:
    """The migrations: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise DatabaseError(
        "the migrations are missing from this installation", "pip install --force-reinstall promptad-db"
    )


def _newest_revision() -> str:
    """The head as the names of the files tell it: importing Alembic takes longer than most reports."""
    names = (path.name for path in (migrations_folder() / "versions").glob("[0-9]*_*.py"))
    return max(names).partition("_")[0]


HEAD = _newest_revision()


def upgrade(connection: sa.Connection) -> None:
    """Run the missing migrations on a connection and make all views anew, in its transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    with views_made_anew(connection):
        command.upgrade(config, "head")


@contextmanager
def views_made_anew(connection: sa.Connection) -> Iterator[None]:
    """Drop all views while the tables below them change; they come back where the schema is then this version's."""
    views = list(load_views())
    for view in reversed(views):
        connection.execute(sa.text(f"DROP VIEW IF EXISTS {view.name}"))
    yield
    if revision_of(connection) == HEAD:
        for view in views:
            connection.exec_driver_sql(f"CREATE VIEW {view.name} AS {view.sql}")
        _comment(connection, views)


def _comment(connection: sa.Connection, views: list[SqlFile]) -> None:
    """Let the database say itself what its tables, views and columns mean; those that users added are passed over."""
    comments = load_comments()
    kinds = {**dict.fromkeys(comments["tables"], "TABLE"), **{view.name: "VIEW" for view in views}}
    about = {**comments["tables"], **{view.name: view.title for view in views}}
    columns = connection.exec_driver_sql(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    )
    statements = [f"COMMENT ON {kind} {name} IS {_quoted(about[name])}" for name, kind in kinds.items()]
    for table, column in columns:
        meaning = comments.get(table, {}).get(column) or comments["columns"].get(column)
        if table in kinds and meaning:
            statements.append(f'COMMENT ON COLUMN {table}."{column}" IS {_quoted(meaning)}')
    connection.exec_driver_sql(";\n".join(statements), execution_options={"no_parameters": True})


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def revisions() -> Iterator[str]:
    """All revisions that the migrations know, newest first."""
    return (script.revision for script in scripts())


def scripts() -> Iterator[Script]:
    """All migrations as Alembic knows them, newest first."""
    from alembic.script import ScriptDirectory

    return ScriptDirectory(str(migrations_folder())).walk_revisions()


def revision_of(connection: sa.Connection) -> str | None:
    """The schema revision that a database says it has, None when it is not one of ours."""
    tables = f"""
        SELECT COUNT(*) FROM information_schema.tables
        WHERE table_name = '{REVISION_TABLE}' AND table_schema = current_schema()
    """  # noqa: S608 - our own name
    if not connection.execute(sa.text(tables)).scalar():
        return None
    return connection.execute(sa.text(f"SELECT version_num FROM {REVISION_TABLE}")).scalar()  # noqa: S608 - our own name


def check_revision(connection: sa.Connection, backend: Backend) -> None:
    """Refuse a database whose schema is not ours, with the command that fixes it."""
    revision = revision_of(connection)
    if revision == HEAD:
        return
    if revision is None:
        raise SchemaError(
            f"{backend}: not a promptad-db database",
            f"promptad-db init --db {shlex.quote(str(backend))}, or give another --db",
        )
    if revision < HEAD:
        raise SchemaError(
            f"{backend}: schema {revision} is older than this version's {HEAD}",
            f"upgrade it: promptad-db migrate --db {shlex.quote(str(backend))}",
        )
    raise SchemaError(
        f"{backend}: schema {revision} is newer than this version's {HEAD}",
        "upgrade the package: pip install -U promptad-db",
    )
