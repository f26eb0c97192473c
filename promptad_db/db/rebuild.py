"""The database made again from the run folders, and put in place only when it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.db import connect
from promptad_db.db.lock import lock_path, locked
from promptad_db.db.migrate import init
from promptad_db.db.query import fetch
from promptad_db.db.write import IndexOutcome, index_folders
from promptad_db.errors import DatabaseError, DatabaseLockedError, InputError, SchemaError, UsageError
from promptad_db.files import temporary_name

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    import sqlalchemy as sa

    Reading = Callable[[Path], AbstractContextManager[sa.Connection]]


@dataclass
class RebuildOutcome(IndexOutcome):
    """What a rebuild did; ``set_aside`` is where a file that could not be read as a database is now."""

    set_aside: Path | None = None


def rebuild(
    database: Path,
    roots: Sequence[Path],
    *,
    forget_missing: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> RebuildOutcome:
    """Make the database anew from the run folders below ``roots`` and those that the old database knew elsewhere.

    The old database stays in place until the new one is whole; runs that it learned of meanwhile are taken over. A
    damaged one is kept beside the new one. Raises UsageError when it knows runs whose folders are gone, unless
    ``forget_missing``; InputError when there is no run folder at all; DatabaseLockedError and SchemaError when it is in
    use, of another schema, or of another program: what it knows would be lost.
    """
    folders = {folder.resolve(): None for root in roots for folder in run_folder.find_runs(root)}
    known = _known_folders(database) or []
    missing = [folder for folder in known if not run_folder.is_run_folder(folder) and _moved(folder, folders) is None]
    if missing and not forget_missing:
        raise UsageError(
            f"{database} knows {len(missing)} runs whose folders are gone, such as {missing[0]}",
            "name the root where they are now, or let them go with --forget-missing",
        )
    folders |= {folder: None for folder in known if run_folder.is_run_folder(folder)}
    if not folders:
        raise InputError(f"no run folders in {', '.join(map(str, roots))}", "name the root that holds them")
    return _replace(database, sorted(folders, key=lambda folder: folder.name), progress)


def _replace(database: Path, folders: list[Path], progress: Callable[[int, int], None]) -> RebuildOutcome:
    temporary = temporary_name(database)
    outcome = RebuildOutcome()
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress(done, len(folders))

    try:
        init(temporary)
        outcome.extend(index_folders(folders, temporary, progress=step))
        with locked(database, exclusive=True):
            known = _known_folders(database, connect.reading_locked)
            if known is None:
                outcome.set_aside = _set_aside(database)
            late = [folder for folder in known or [] if folder not in set(folders)]
            outcome.extend(index_folders(filter(run_folder.is_run_folder, late), temporary))
            _beside(database, ".wal").unlink(missing_ok=True)
            temporary.replace(database)
    finally:
        for leftover in (temporary, _beside(temporary, ".wal"), lock_path(temporary)):
            leftover.unlink(missing_ok=True)
    return outcome


def _known_folders(database: Path, reading: Reading = connect.reading) -> list[Path] | None:
    """The run folders of the old database, none when there is no database; None when it is damaged."""
    if not database.exists():
        return []
    try:
        with reading(database) as connection:
            return [Path(row[0]) for row in fetch(connection, "SELECT folder FROM runs ORDER BY run_id").rows]
    except (DatabaseLockedError, SchemaError):
        raise
    except DatabaseError:
        return None


def _set_aside(database: Path) -> Path:
    place = _beside(database, ".damaged")
    if _beside(database, ".wal").exists():
        _beside(database, ".wal").replace(_beside(place, ".wal"))
    return database.replace(place)


def _moved(folder: Path, found: dict[Path, None]) -> Path | None:
    return next((other for other in found if other.name == folder.name), None)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
