"""Existing results into the database: find files, read them into run folders, index the folders."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.db.engine.connect import db_option
from promptad_db.db.index.outcome import IndexOutcome
from promptad_db.db.index.write import index_folders
from promptad_db.errors import DatabaseError, InputError, NothingToIngestError
from promptad_db.ingestion.readers import FILE_READERS, ImportedRun, ImportOptions, Reader, mvtec_maps, pipe_tables
from promptad_db.ingestion.readers.store import store
from promptad_db.storage import folder_at, is_remote
from promptad_db.storage.files import read_json, require_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


SUFFIXES = (".json", ".csv", ".parquet")
LOG_SUFFIXES = pipe_tables.SUFFIXES  # most of them are about something else, and not worth a word
_NAMED = 3


@dataclass
class IngestOutcome(IndexOutcome):
    """What an ingest did, in runs, the files it rejected with the reason, and those of other kinds it passed over."""

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


@dataclass
class _Found:
    """What a walk found: run folders, and files by the reader that knows them."""

    run_folders: list[Path] = field(default_factory=list)
    files: dict[int, list[Path]] = field(default_factory=dict)


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
    found = _walk([folder_at(path) for path in paths], outcome)
    folders = list(found.run_folders)
    root = run_folder.default_root(runs)
    imported = _read_foreign(found, options, outcome)
    if options.branches:
        imported += list(mvtec_maps.read([], options, _rejecting(outcome)))
    for done, run in enumerate(imported, start=1):
        try:
            folders.append(store(run, root, _rejecting(outcome), replace_existing=replace))
            outcome.cells += len(run.categories)
            outcome.notes += run.notes
        except InputError as error:
            outcome.rejected.append((min(run.files), str(error)))
        progress("writing run folders", done, len(imported))
    if not folders and not outcome.rejected:
        raise NothingToIngestError(
            f"nothing to ingest in {', '.join(map(str, paths)) or 'the branches given'}",
            f"looked for run folders (run.json) and, on this machine, result files ({', '.join(SUFFIXES + LOG_SUFFIXES)}); "
            "see promptad-db ingest --help",
        )
    folders = list({folder.resolve(): None for folder in folders})
    _index(folders, db, outcome, replace=replace, progress=progress)
    return outcome


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
        command = shlex.join(["promptad-db", "ingest", *places, *db_option(db)])
        error.hint += f"\n  the run folders are complete; this will finish the job: {command}"
        raise
    outcome.extend(indexed)


def _walk(paths: Sequence[Path], outcome: IngestOutcome) -> _Found:
    found = _Found()
    for path in paths:
        if is_remote(path):
            found.run_folders += run_folder.walk_runs(path)
        elif not path.exists():
            raise InputError(f"{path}: does not exist")
        elif path.is_dir():
            for candidate in _below(path, outcome):
                _classify(candidate, found, outcome, named=False)
        else:
            _classify(path, found, outcome, named=True)
    return found


def _below(folder: Path, outcome: IngestOutcome) -> Iterator[Path]:
    """The run folders and result files below a folder, sorted; what is inside a run folder is its own."""
    if run_folder.is_run_folder(folder):
        yield folder
        return

    def unlisted(error: OSError) -> None:
        outcome.rejected.append((Path(error.filename), f"cannot be listed ({error.strerror})"))

    for parent, subfolders, names in os.walk(folder, onerror=unlisted):
        here = Path(parent)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        inside = [name for name in subfolders if run_folder.is_run_folder(here / name)]
        subfolders[:] = [name for name in subfolders if name not in set(inside)]
        files = [name for name in sorted(names) if name.endswith(SUFFIXES + LOG_SUFFIXES) and not name.startswith(".")]
        for path in (here / name for name in (*inside, *files)):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
                outcome.rejected.append(
                    (path, "a link that leads out of the folder; give what it leads to by its own path")
                )
            else:
                yield path


def _classify(path: Path, found: _Found, outcome: IngestOutcome, *, named: bool) -> None:
    if not _is_text(path):
        outcome.rejected.append((path, "its path is not UTF-8; rename it"))
        return
    if path.is_dir():
        found.run_folders.append(path)
        return
    try:
        require_file(path)
    except InputError as error:
        outcome.rejected.append((path, str(error)))
        return
    for index, reader in enumerate(FILE_READERS):
        if reader.recognise(path):
            found.files.setdefault(index, []).append(path)
            return
    if path.suffix in LOG_SUFFIXES and not named:
        return
    reason = _unreadable(path)
    if named or reason:
        outcome.rejected.append((path, reason or "not a result file of a known format"))
    else:
        outcome.skipped.append(path)


def _is_text(path: Path) -> bool:
    try:
        os.path.realpath(path).encode()
    except UnicodeEncodeError:
        return False
    return True


def _unreadable(path: Path) -> str | None:
    """Why a file cannot be read at all, None when it can and is merely about something else."""
    try:
        if path.stat().st_size == 0:
            return "empty file"
        if path.suffix == ".json":
            read_json(path)
        elif path.suffix == ".csv":
            with path.open(encoding="utf-8") as file:
                file.read(1 << 16)
    except UnicodeDecodeError:
        return "not UTF-8 text"
    except (InputError, OSError) as error:
        return str(error).removeprefix(f"{path}: ")
    return None


def _read_foreign(found: _Found, options: ImportOptions, outcome: IngestOutcome) -> list[ImportedRun]:
    imported: list[ImportedRun] = []
    for index, paths in sorted(found.files.items()):
        reader: Reader = FILE_READERS[index]
        imported += reader.read(paths, options, _rejecting(outcome))
    return imported


def _rejecting(outcome: IngestOutcome) -> Callable[[Path, str], None]:
    return lambda path, reason: outcome.rejected.append((path, reason))


def rejected_lines(rejected: Iterable[tuple[Path, str]]) -> list[str]:
    """One line a rejected file or folder: its path, or that of what is wrong in it, then the reason."""
    return [
        reason if reason.startswith((f"{path}: ", f"{path}/")) else f"{path}: {reason}" for path, reason in rejected
    ]
