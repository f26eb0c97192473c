"""The database made again from the run folders: what there was stays in use until the new one is whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.db import connect
from promptad_db.db.duckdb_file import DuckDBFile, write_out
from promptad_db.db.migrate import init
from promptad_db.db.outcome import IndexOutcome
from promptad_db.db.query import fetch
from promptad_db.db.tables import metadata
from promptad_db.db.write import index_directly, index_within
from promptad_db.errors import DatabaseError, DatabaseLockedError, InputError, SchemaError, UsageError
from promptad_db.files import temporary_name
from promptad_db.storage import folder_at
from promptad_db.storage.lock import lock_paths, locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import sqlalchemy as sa

    from promptad_db.db.connect import Where
    from promptad_db.db.place import Place


@dataclass
class RebuildOutcome(IndexOutcome):
    """What a rebuild did; ``set_aside`` is where a file that could not be read as a database is now."""

    set_aside: Path | None = None


def rebuild(
    database: Where,
    roots: Sequence[Path],
    *,
    forget_missing: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> RebuildOutcome:
    """Make the database anew from the run folders below ``roots`` and those that the old database knew elsewhere.

    The old database stays in place until the new one is whole; runs that it learned of meanwhile are taken over. A
    damaged file is kept beside the new one. Raises UsageError when it knows runs whose folders are gone, unless
    ``forget_missing``; InputError when there is no run folder at all; DatabaseLockedError and SchemaError when it is in
    use, of another schema, or of another program: what it knows would be lost.
    """
    place = connect.database_path(database)
    folders = {folder.resolve(): None for root in roots for folder in run_folder.find_runs(root)}
    known = _folders_of(place)
    missing = [folder for folder in known if not run_folder.is_run_folder(folder) and _moved(folder, folders) is None]
    if missing and not forget_missing:
        raise UsageError(
            f"{place} knows {len(missing)} runs whose folders are gone, such as {missing[0]}",
            "name the root where they are now, or let them go with --forget-missing",
        )
    folders |= {folder: None for folder in known if run_folder.is_run_folder(folder)}
    if not folders:
        raise InputError(f"no run folders in {', '.join(map(str, roots))}", "name the root that holds them")
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, len(folders))

    listed = sorted(folders, key=lambda folder: folder.name)
    if isinstance(place, DuckDBFile):
        return _replace_file(place, listed, step)
    return _replace_rows(place, listed, step)


def _replace_file(place: DuckDBFile, folders: list[Path], step: Callable[[], None]) -> RebuildOutcome:
    """Make a new file beside the old one, then move it there."""
    path = place.path
    temporary = temporary_name(path)
    outcome = RebuildOutcome()
    try:
        init(temporary)
        outcome.extend(index_directly(folders, temporary, progress=step))
        with locked(path, exclusive=True):
            known = _read_folders(place, locked=True)
            if known is None:
                outcome.set_aside = _set_aside(path)
            outcome.extend(index_directly(_late(known or [], folders), temporary))
            write_out(temporary)
            _beside(path, ".wal").unlink(missing_ok=True)
            temporary.replace(path)
    finally:
        for leftover in (temporary, _beside(temporary, ".wal"), *lock_paths(temporary)):
            leftover.unlink(missing_ok=True)
    return outcome


def _replace_rows(place: Place, folders: list[Path], step: Callable[[], None]) -> RebuildOutcome:
    """Put new rows in the place of the old ones, in one transaction: readers see the old ones until it ends."""
    outcome = RebuildOutcome()
    with connect.transactions(place, alone=True) as transaction, transaction() as connection:
        late = _late(_known(connection), folders)
        for table in metadata.tables.values():
            connection.execute(table.delete())
        outcome.extend(index_within(connection, place, [*folders, *late], step))
    return outcome


def _late(known: list[Path], taken: list[Path]) -> list[Path]:
    """The run folders that the database learned of while others were read."""
    before = set(taken)
    return [folder for folder in known if folder not in before and run_folder.is_run_folder(folder)]


def _folders_of(place: Place) -> list[Path]:
    """The run folders that the database knows; none when there is no database, or a damaged file."""
    if isinstance(place, DuckDBFile):
        return _read_folders(place) or []
    with connect.reading(place) as connection:
        return _known(connection)


def _read_folders(place: DuckDBFile, *, locked: bool = False) -> list[Path] | None:
    """The run folders that a file knows; None when it is damaged. ``locked``: who asks holds its lock."""
    if not place.exists():
        return []
    try:
        with place.reading_locked() if locked else place.reading() as connection:
            connect.check_revision(connection, place)
            return _known(connection)
    except (DatabaseLockedError, SchemaError):
        raise
    except DatabaseError:
        return None


def _known(connection: sa.Connection) -> list[Path]:
    return [folder_at(row[0]) for row in fetch(connection, "SELECT folder FROM runs ORDER BY run_id").rows]


def _set_aside(database: Path) -> Path:
    place = _beside(database, ".damaged")
    if _beside(database, ".wal").exists():
        _beside(database, ".wal").replace(_beside(place, ".wal"))
    return database.replace(place)


def _moved(folder: Path, found: dict[Path, None]) -> Path | None:
    return next((other for other in found if other.name == folder.name), None)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
