"""Existing results into the database: find files, read them into run folders, index the folders."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.db.engine.connect import db_option
from promptad_db.db.index.outcome import IndexOutcome
from promptad_db.db.index.write import index_folders
from promptad_db.errors import DatabaseError, InputError, NothingToIngestError
from promptad_db.ingestion.not_taken import listed, why_not_taken
from promptad_db.ingestion.readers import FILE_READERS, ImportedRun, ImportOptions, Reader, mvtec_maps
from promptad_db.ingestion.readers.store import store
from promptad_db.ingestion.remarks import Remarks
from promptad_db.ingestion.walk import LOG_SUFFIXES, SUFFIXES, Found, walk
from promptad_db.storage import folder_at

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable
    from pathlib import Path


OWN_SETTINGS = "run folders keep what their run.json tells; options such as --method are for other files"
_NAMED = 3


@dataclass
class IngestOutcome(IndexOutcome):
    """What an ingest did, in runs, the files it rejected with the reason, those of other kinds it passed over, and
    ``notes`` on what was taken but may not be meant that way.
    """

    skipped: list[Path] = field(default_factory=list)
    cells: int = 0
    notes: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line on what was done."""
        counts = [f"{len(self.added)} new runs"] if self.added else []
        counts += [f"{len(self.extended)} runs extended"] if self.extended else []
        done = ", ".join(counts) or "nothing new"
        known = f" ({len(self.unchanged)} runs known already)" if self.unchanged else ""
        rejected = f"; {len(self.rejected)} rejected" if self.rejected else ""
        count = sum(self.unverified.values())
        unverified = f"; {count} categories of an older version have no checksums" if count else ""
        named = ", ".join(map(str, self.skipped[:_NAMED])) + (", ..." if len(self.skipped) > _NAMED else "")
        skipped = f"; {len(self.skipped)} files of other kinds passed over: {named}" if self.skipped else ""
        return f"{done}{known}{rejected}{unverified}{skipped}"


def ingest(
    *paths: str | os.PathLike[str],
    db: str | os.PathLike[str] | None = None,
    runs: str | os.PathLike[str] | None = None,
    options: ImportOptions | None = None,
    replace: bool = False,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> IngestOutcome:
    """Import existing results into the database: run folders as they are, foreign files through new run folders.

    Folders are walked; formats are recognised by content. New run folders go to ``runs``, else PROMPTAD_RUNS, else
    ./runs. The same files twice change nothing; a cell that changed is refused unless ``replace``. Whatever cannot be
    trusted is in ``rejected``, everything else is taken. ``progress`` is called with the stage, its steps done and in all.

    Raises InputError for a path that does not exist, DatabaseError when the database cannot be written (the run
    folders are complete then, and ingesting them finishes the job).
    """
    options = options or ImportOptions()
    outcome = IngestOutcome()
    found = walk([folder_at(path) for path in paths])
    outcome.rejected += found.rejected
    outcome.skipped += found.skipped
    outcome.notes += found.notes
    folders = list(found.run_folders)
    root = run_folder.default_root(runs)
    imported = _read_foreign(found, options, outcome)
    if options.branches:
        imported += list(mvtec_maps.read([], options, _rejecting(outcome)))
    if found.run_folders and not imported and options != ImportOptions():
        outcome.notes.append(OWN_SETTINGS)
    stored, joined = _stored(imported, root, options, outcome, replace=replace, progress=progress)
    folders += stored
    if not folders and not outcome.rejected:
        others = [(path, why_not_taken(path)) for path in found.others]
        raise NothingToIngestError(
            f"nothing to ingest in {', '.join(map(str, paths)) or 'the branches given'}{listed(others)}",
            f"looked for run folders (run.json) and, on this machine, result files ({', '.join(SUFFIXES + LOG_SUFFIXES)}); "
            "see promptad-db ingest --help",
        )
    joined = {folder.resolve() for folder in joined}
    folders = [folder for folder in {folder.resolve(): None for folder in folders} if folder not in joined]
    _index(folders, db, outcome, replace=replace, progress=progress)
    if joined:
        _index(sorted(joined), db, outcome, replace=True, progress=progress)
    return outcome


def _stored(
    imported: list[ImportedRun],
    root: Path,
    options: ImportOptions,
    outcome: IngestOutcome,
    *,
    replace: bool,
    progress: Callable[[str, int, int], None],
) -> tuple[list[Path], set[Path]]:
    """The run folders of imported runs, and those where branches joined a category that was there; what there is to say
    of them goes into the notes of the outcome.
    """
    folders: list[Path] = []
    joined: set[Path] = set()
    remarks = Remarks(options)
    for done, run in enumerate(imported, start=1):
        try:
            seen = partial(remarks.add_result, run)
            folder = store(run, root, _rejecting(outcome), replace_existing=replace, seen=seen, joined_in=joined.add)
            folders.append(folder)
            remarks.add_run(run, run_folder.list_categories(folder))
            outcome.cells += len(run.categories)
        except InputError as error:
            outcome.rejected.append((min(run.files), str(error)))
        progress("writing run folders", done, len(imported))
    outcome.notes += remarks.lines()
    return folders, joined


def _index(
    folders: list[Path],
    db: str | os.PathLike[str] | None,
    outcome: IngestOutcome,
    *,
    replace: bool,
    progress: Callable[[str, int, int], None],
) -> None:
    done = 0

    def step() -> None:
        nonlocal done
        done += 1
        progress("indexing runs", done, len(folders))

    try:
        indexed = index_folders(folders, db, replace=replace, progress=step)
    except DatabaseError as error:
        places = sorted({str(folder.parent) for folder in folders})
        command = shlex.join(["promptad-db", "ingest", *places, *(["--replace"] if replace else []), *db_option(db)])
        error.hint += f"\n  the run folders are complete; this will finish the job: {command}"
        raise
    outcome.extend(indexed)


def _read_foreign(found: Found, options: ImportOptions, outcome: IngestOutcome) -> list[ImportedRun]:
    imported: list[ImportedRun] = []
    for index, paths in sorted(found.files.items()):
        reader: Reader = FILE_READERS[index]
        imported += reader.read(paths, options, _rejecting(outcome))
    return imported


def _rejecting(outcome: IngestOutcome) -> Callable[[Path, str], None]:
    return lambda path, reason: outcome.rejected.append((path, reason))


def rejected_lines(rejected: Iterable[tuple[Path, str]]) -> list[str]:
    """One line a rejected file or folder: its path, or that of what is wrong in it, then the reason and the way out."""
    lines = [(path, reason.replace("\n  ", "; ")) for path, reason in rejected]
    return [reason if reason.startswith((f"{path}: ", f"{path}/")) else f"{path}: {reason}" for path, reason in lines]
