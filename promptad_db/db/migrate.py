"""From any released schema to this version's: Alembic from code, and the views made anew."""

from __future__ import annotations

import shlex
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory

from promptad_db.db import connect
from promptad_db.db.backup import BackupError, backup_path, clear_copies, kept
from promptad_db.db.duckdb_file import DuckDBFile
from promptad_db.db.sql_files import load_views
from promptad_db.errors import DatabaseError, DatabaseLockedError, PromptadError, SchemaError
from promptad_db.storage.lock import locked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from promptad_db.db.connect import Where
    from promptad_db.db.place import Place


class Step(NamedTuple):
    """One revision that a migration runs, and what it brings."""

    revision: str
    title: str


@dataclass(frozen=True)
class Migration:
    """What brings a database to this version's schema; ``backup`` is where the file as it was is kept, None for nowhere."""

    place: Place
    before: str
    after: str
    steps: tuple[Step, ...]
    backup: Path | None
    done: bool = False

    def summary(self) -> list[str]:
        """What to say about it, a line each."""
        if not self.steps:
            return [f"{self.place}: schema {self.after}, nothing to do"]
        if not self.done:
            return [
                f"{self.place}: schema {self.before}, would be {self.after}; nothing is changed",
                self._would_keep(),
            ]
        lines = [f"{self.place}: schema {self.after}, was {self.before}"]
        if self.backup:
            lines.append(f"{self.backup}: the database as it was; delete it when you no longer need it")
        return lines

    def _would_keep(self) -> str:
        if self.backup:
            return f"{self.backup}: would be a copy of the database as it is"
        if isinstance(self.place, DuckDBFile):
            return "no copy of the database as it is would be kept; a migration that fails is rolled back"
        return "a server rolls back a migration that fails; pg_dump makes a copy of the database as it is"


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
    """Make a database, or ``migrate`` an older one; returns the revisions before, None when it is new, and after."""
    place = connect.database_path(database)
    existed = place.exists()
    with connect.migrating(place) as connection:
        found = connect.revision_of(connection)
        if found is None:
            if sa.inspect(connection).get_table_names():
                raise SchemaError(f"{place}: holds tables that are not ours", "give --db another file or database")
            upgrade(connection)
    if found is None or not existed:
        return None, connect.HEAD
    migration = migrate(place)
    return migration.before, migration.after


def migrate(database: Where | None = None, *, backup: bool = True, dry_run: bool = False) -> Migration:
    """Bring an existing database to this version's schema, all of it or nothing; ``dry_run`` only says what that would be.

    A DuckDB file is copied first, unless ``backup`` is False, and put back if anything fails. Raises DatabaseError when
    there is no database or the migration fails, SchemaError when the schema is newer than ours or unknown.
    """
    place = connect.database_path(database)
    if not place.exists():
        raise DatabaseError(f"{place}: no database here", f"promptad-db init --db {shlex.quote(str(place))} makes one")
    with place.reading() as connection:
        planned = _planned(connection, place, backup=backup)
    if dry_run or not planned.steps:
        return planned
    done = _migrate_file(place, backup=backup) if isinstance(place, DuckDBFile) else _migrate_server(place)
    return replace(done, done=True)


def _migrate_file(place: DuckDBFile, *, backup: bool) -> Migration:
    with locked(place.path, exclusive=True):
        clear_copies(place.path)
        with place.reading_locked() as connection:
            planned = _planned(connection, place, backup=backup)
        if planned.steps:
            keeping = kept(place.path, planned.backup) if planned.backup else nullcontext()
            with _undone(planned), keeping, place.writing_locked() as connection:
                upgrade(connection)
    return planned


def _migrate_server(place: Place) -> Migration:
    with connect.migrating(place) as connection:
        planned = _planned(connection, place, backup=False)
        if planned.steps:
            upgrade(connection)
    return planned


def _planned(connection: sa.Connection, place: Place, *, backup: bool) -> Migration:
    """The steps from the revision that a database has to ours; SchemaError when there is no such way."""
    before = connect.revision_of(connection)
    if before is None or before > connect.HEAD:
        connect.check_revision(connection, place)
    known = sorted(Step(script.revision, script.doc) for script in _scripts())
    if before not in dict(known):
        raise SchemaError(
            f"{place}: schema {before} is of no released version",
            "move it away, then make it again from the run folders: promptad-db rebuild",
        )
    steps = tuple(step for step in known if step.revision > before)
    copy = backup_path(place.path, before) if isinstance(place, DuckDBFile) and backup and steps else None
    return Migration(place, before, connect.HEAD, steps, copy)


@contextmanager
def _undone(planned: Migration) -> Iterator[None]:
    """Say of whatever fails in the block that the database is as it was."""
    try:
        yield
    except (BackupError, DatabaseLockedError):
        raise
    except Exception as error:
        said = (
            error.args[0] if isinstance(error, PromptadError) else f"{planned.place}: {type(error).__name__}: {error}"
        )
        how = "put back from its copy" if planned.backup else "rolled back"
        raise DatabaseError(
            f"{said}; the migration to schema {planned.after} failed, and the database is as it was, {how}",
            getattr(error, "hint", "") or "promptad-db --debug migrate shows where",
        ) from error


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
    return (script.revision for script in _scripts())


def _scripts() -> Iterator[Script]:
    return ScriptDirectory(str(migrations_folder())).walk_revisions()
