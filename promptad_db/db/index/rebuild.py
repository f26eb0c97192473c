"""The database made again from the run folders: what there was stays in use until the new one is whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from promptad_db import run_folder
from promptad_db.db.engine import connect
from promptad_db.db.engine.duckdb_file import DuckDBFile, beside, write_out
from promptad_db.db.engine.migrate import init
from promptad_db.db.engine.query import fetch
from promptad_db.db.engine.schema import check_revision
from promptad_db.db.engine.tables import metadata
from promptad_db.db.index.outcome import IndexOutcome
from promptad_db.db.index.stored import Fingerprints, stored_fingerprints
from promptad_db.db.index.write import index_directly, index_within
from promptad_db.errors import DamagedDatabaseError, InputError, UsageError
from promptad_db.storage import folder_at
from promptad_db.storage.lock import locked

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import sqlalchemy as sa

    from promptad_db.db.engine.backend import Backend
    from promptad_db.db.engine.connect import Where

_Answer = TypeVar("_Answer")
_NAMED = 5


@dataclass
class RebuildOutcome(IndexOutcome):
    """What a rebuild did; ``set_aside`` is where a file that could not be read as a database is now."""

    set_aside: Path | None = None


def rebuild(
    database: Where,
    roots: Sequence[Path],
    *,
    forget_missing: bool = False,
    forget_damaged: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> RebuildOutcome:
    """Make the database anew from the run folders below ``roots`` and those that the old database knew elsewhere.

    The old database stays in backend until the new one is whole; runs that it learned of meanwhile are taken over. A
    damaged file is kept beside the new one. Raises UsageError when it knows runs whose folders are gone, unless
    ``forget_missing``; InputError when it knows categories that are damaged now, unless ``forget_damaged``, and when
    there is no run folder at all; DatabaseLockedError and SchemaError when it is in
    use, of another schema, or of another program: what it knows would be lost.
    """
    backend = connect.database_path(database)
    folders = {folder.resolve(): None for root in roots for folder in run_folder.find_runs(root)}
    known = _folders_of(backend)
    missing = [folder for folder in known if not run_folder.is_run_folder(folder) and _moved(folder, folders) is None]
    if missing and not forget_missing:
        raise UsageError(
            f"{backend} knows {len(missing)} runs whose folders are gone, such as {missing[0]}",
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
    if isinstance(backend, DuckDBFile):
        return _replace_file(backend, listed, step, forget_damaged=forget_damaged)
    return _replace_rows(backend, listed, step, forget_damaged=forget_damaged)


def _replace_file(
    backend: DuckDBFile, folders: list[Path], step: Callable[[], None], *, forget_damaged: bool
) -> RebuildOutcome:
    """Make a new file beside the old one, then move it there."""
    path = backend.path
    outcome = RebuildOutcome()
    before = _asked(backend, stored_fingerprints) or {}
    with beside(path) as temporary:
        init(temporary)
        outcome.extend(index_directly(folders, temporary, expected=before, progress=step))
        with locked(path, exclusive=True):
            known = _asked(
                backend, lambda connection: (_known(connection), stored_fingerprints(connection)), locked=True
            )
            if known is not None:
                outcome.extend(index_directly(_late(known[0], folders), temporary))
                if not forget_damaged:
                    after = _asked(DuckDBFile(temporary), stored_fingerprints) or {}
                    _refuse_damage(backend, known[1], after, folders, outcome)
            elif backend.exists():
                outcome.set_aside = _set_aside(path)
            write_out(temporary)
            _beside(path, ".wal").unlink(missing_ok=True)
            temporary.replace(path)
    return outcome


def _replace_rows(
    backend: Backend, folders: list[Path], step: Callable[[], None], *, forget_damaged: bool
) -> RebuildOutcome:
    """Put new rows in the place of the old ones, in one transaction: readers see the old ones until it ends."""
    outcome = RebuildOutcome()
    with connect.transactions(backend, alone=True) as transaction, transaction() as connection:
        late, before = _late(_known(connection), folders), stored_fingerprints(connection)
        for table in metadata.tables.values():
            connection.execute(table.delete())
        outcome.extend(index_within(connection, backend, [*folders, *late], step, before))
        if not forget_damaged:
            _refuse_damage(backend, before, stored_fingerprints(connection), folders, outcome)
    return outcome


def _refuse_damage(
    backend: Backend, before: Fingerprints, after: Fingerprints, folders: list[Path], outcome: RebuildOutcome
) -> None:
    """Raise InputError when categories that the database held cannot be read any more: it may have the only numbers."""
    read = {folder.name for folder in folders}
    lost = [
        f"{run_id}/{category}"
        for run_id, categories in before.items()
        for category in categories
        if run_id in read and category not in after.get(run_id, {})
    ]
    if not lost:
        return
    reasons = ["; ".join(line.strip() for line in reason.splitlines()) for _, reason in outcome.rejected]
    listed = "".join(f"\n  {reason}" for reason in reasons[:_NAMED])
    more = f"\n  and {len(reasons) - _NAMED} more" if len(reasons) > _NAMED else ""
    raise InputError(
        f"{backend} stays as it is: of the categories that it knows, {len(lost)} cannot be read any more, such as {lost[0]}",
        "promptad-db verify names all that is damaged; bring back copies, or let these categories go with "
        f"--forget-damaged{listed}{more}",
    )


def _late(known: list[Path], taken: list[Path]) -> list[Path]:
    """The run folders that the database learned of while others were read."""
    before = set(taken)
    return [folder for folder in known if folder not in before and run_folder.is_run_folder(folder)]


def _folders_of(backend: Backend) -> list[Path]:
    """The run folders that the database knows; none when there is no database, or a damaged file."""
    if isinstance(backend, DuckDBFile):
        return _asked(backend, _known) or []
    with connect.reading(backend) as connection:
        return _known(connection)


def _asked(backend: DuckDBFile, ask: Callable[[sa.Connection], _Answer], *, locked: bool = False) -> _Answer | None:
    """What a file answers; None when there is none, or when it is damaged. ``locked``: who asks holds its lock."""
    if not backend.exists():
        return None
    try:
        with backend.reading_locked() if locked else backend.reading() as connection:
            check_revision(connection, backend)
            return ask(connection)
    except DamagedDatabaseError:
        return None


def _known(connection: sa.Connection) -> list[Path]:
    return [folder_at(row[0]) for row in fetch(connection, "SELECT folder FROM runs ORDER BY run_id").rows]


def _set_aside(database: Path) -> Path:
    backend = _beside(database, ".damaged")
    if _beside(database, ".wal").exists():
        _beside(database, ".wal").replace(_beside(backend, ".wal"))
    return database.replace(backend)


def _moved(folder: Path, found: dict[Path, None]) -> Path | None:
    return next((other for other in found if other.name == folder.name), None)


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
