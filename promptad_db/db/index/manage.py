"""Looking after runs: list, show, tag, note, delete. The run folder changes first, the database follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.db.engine import connect
from promptad_db.db.engine.query import fetch
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.db.index.stored import delete_rows
from promptad_db.db.index.write import index_folders
from promptad_db.db.queries.runs import _one, folder_of, select_folders
from promptad_db.errors import InputError
from promptad_db.storage import folder_at

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from promptad_db.db.engine.connect import Where
    from promptad_db.db.queries.selection import Filters


def tag_run(database: Where, run: str, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> tuple[str, ...]:
    """Add and remove tags of a run; returns the tags that it has then."""
    folder = folder_of(database, run)
    tags = dict.fromkeys([*run_folder.read_run(folder).tags, *add])
    kept = tuple(tag for tag in tags if tag not in remove)
    run_folder.update_run(folder, tags=kept)
    index_folders([folder], database)
    return kept


def note_run(database: Where, run: str, note: str | None) -> None:
    """Set the note of a run; None or an empty text takes it away."""
    folder = folder_of(database, run)
    run_folder.update_run(folder, note=note or None)
    index_folders([folder], database)


def delete_run(database: Where, run: str) -> Path | None:
    """Take a run out of the database and move its folder to the trash beside it; returns where it is now."""
    backend = connect.database_path(database)
    with connect.writing(backend) as connection:
        run_id = _one(connection, run)
        row = fetch(connection, load_sql("lists", "run_row").sql, run_id=run_id).records()[0]
        backend.hold(connection, [run_id])
        delete_rows(connection, [run_id])
        folder = folder_at(row["folder"])
        return run_folder.discard(folder) if folder.is_dir() else None


def copy_runs(
    database: Where,
    filters: Filters,
    root: Path,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> tuple[list[Path], list[tuple[Path, str]], list[str]]:
    """Copy the folders of the runs that the filters choose below ``root``; the database tells of the copies then.

    What was copied before is not copied again, so that an interrupted copy goes on. Returns the copies, what was rejected
    with the reasons, and notes for the reader. Raises NoRowsError when no run matches.
    """
    chosen, notes = select_folders(database, filters)
    copies, rejected = [], []
    for done, folder in enumerate(chosen.values(), start=1):
        try:
            copies.append(run_folder.copy_run(folder, root))
        except (InputError, OSError) as error:
            rejected.append((folder, str(error)))
        progress(done, len(chosen))
    return copies, rejected + index_folders(copies, database).rejected, notes
