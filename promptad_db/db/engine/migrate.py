"""From any released schema to this version's: Alembic from code, and the views made anew."""

from __future__ import annotations

import shlex
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from promptad_db.db.engine import connect
from promptad_db.db.engine.backup import BackupError, backup_path, clear_copies, kept
from promptad_db.db.engine.duckdb_file import DuckDBFile
from promptad_db.db.engine.schema import HEAD, check_revision, revision_of, scripts, upgrade
from promptad_db.errors import DatabaseError, DatabaseLockedError, PromptadError, SchemaError
from promptad_db.storage.lock import locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptad_db.db.engine.backend import Backend
    from promptad_db.db.engine.connect import Where


class Step(NamedTuple):
    """One revision that a migration runs, and what it brings."""

    revision: str
    title: str


@dataclass(frozen=True)
class Migration:
    """What brings a database to this version's schema; ``backup`` is where the file as it was is kept, None for nowhere."""

    backend: Backend
    before: str
    after: str
    steps: tuple[Step, ...]
    backup: Path | None
    done: bool = False

    def summary(self) -> list[str]:
        """What to say about it, a line each."""
        if not self.steps:
            return [f"{self.backend}: schema {self.after}, nothing to do"]
        if not self.done:
            return [
                f"{self.backend}: schema {self.before}, would be {self.after}; nothing is changed",
                self._would_keep(),
            ]
        lines = [f"{self.backend}: schema {self.after}, was {self.before}"]
        if self.backup:
            lines.append(f"{self.backup}: the database as it was; delete it when you no longer need it")
        return lines

    def _would_keep(self) -> str:
        if self.backup:
            return f"{self.backup}: would be a copy of the database as it is"
        if isinstance(self.backend, DuckDBFile):
            return "no copy of the database as it is would be kept; a migration that fails is rolled back"
        return "a server rolls back a migration that fails; pg_dump makes a copy of the database as it is"


def init(database: Where) -> tuple[str | None, str]:
    """Make a database, or ``migrate`` an older one; returns the revisions before, None when it is new, and after."""
    backend = connect.database_path(database)
    existed = backend.exists()
    with connect.migrating(backend) as connection:
        found = revision_of(connection)
        if found is None:
            if sa.inspect(connection).get_table_names():
                raise SchemaError(f"{backend}: holds tables that are not ours", "give --db another file or database")
            upgrade(connection)
    if found is None or not existed:
        return None, HEAD
    migration = migrate(backend)
    return migration.before, migration.after


def migrate(database: Where | None = None, *, backup: bool = True, dry_run: bool = False) -> Migration:
    """Bring an existing database to this version's schema, all of it or nothing; ``dry_run`` only says what that would be.

    A DuckDB file is copied first, unless ``backup`` is False, and put back if anything fails. Raises DatabaseError when
    there is no database or the migration fails, SchemaError when the schema is newer than ours or unknown.
    """
    backend = connect.database_path(database)
    if not backend.exists():
        raise DatabaseError(
            f"{backend}: no database here", f"promptad-db init --db {shlex.quote(str(backend))} makes one"
        )
    with backend.reading() as connection:
        planned = _planned(connection, backend, backup=backup)
    if dry_run or not planned.steps:
        return planned
    done = _migrate_file(backend, backup=backup) if isinstance(backend, DuckDBFile) else _migrate_server(backend)
    return replace(done, done=True)


def _migrate_file(backend: DuckDBFile, *, backup: bool) -> Migration:
    with locked(backend.path, exclusive=True):
        clear_copies(backend.path)
        with backend.reading_locked() as connection:
            planned = _planned(connection, backend, backup=backup)
        if planned.steps:
            keeping = kept(backend.path, planned.backup) if planned.backup else nullcontext()
            with _undone(planned), keeping, backend.writing_locked() as connection:
                upgrade(connection)
    return planned


def _migrate_server(backend: Backend) -> Migration:
    with connect.migrating(backend) as connection:
        planned = _planned(connection, backend, backup=False)
        if planned.steps:
            upgrade(connection)
    return planned


def _planned(connection: sa.Connection, backend: Backend, *, backup: bool) -> Migration:
    """The steps from the revision that a database has to ours; SchemaError when there is no such way."""
    before = revision_of(connection)
    if before is None or before > HEAD:
        check_revision(connection, backend)
    known = sorted(Step(script.revision, script.doc) for script in scripts())
    if before not in dict(known):
        raise SchemaError(
            f"{backend}: schema {before} is of no released version",
            "move it away, then make it again from the run folders: promptad-db rebuild",
        )
    steps = tuple(step for step in known if step.revision > before)
    copy = backup_path(backend.path, before) if isinstance(backend, DuckDBFile) and backup and steps else None
    return Migration(backend, before, HEAD, steps, copy)


@contextmanager
def _undone(planned: Migration) -> Iterator[None]:
    """Say of whatever fails in the block that the database is as it was."""
    try:
        yield
    except (BackupError, DatabaseLockedError):
        raise
    except Exception as error:
        said = (
            error.args[0] if isinstance(error, PromptadError) else f"{planned.backend}: {type(error).__name__}: {error}"
        )
        how = "put back from its copy" if planned.backup else "rolled back"
        raise DatabaseError(
            f"{said}; the migration to schema {planned.after} failed, and the database is as it was, {how}",
            getattr(error, "hint", "") or "promptad-db --debug migrate shows where",
        ) from error
