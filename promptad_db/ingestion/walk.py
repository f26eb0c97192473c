"""What lies below the folders that are given: run folders, files by the reader that knows them, and everything else."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.errors import InputError
from promptad_db.ingestion.not_taken import ARCHIVES, TABLES, nearly_taken, why_not_taken, why_unreadable
from promptad_db.ingestion.readers import FILE_READERS, pipe_tables
from promptad_db.ingestion.readers.table_files import SUFFIXES as TABLE_SUFFIXES
from promptad_db.storage import is_remote
from promptad_db.storage.files import require_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = (".json", *TABLE_SUFFIXES)
LOG_SUFFIXES = pipe_tables.SUFFIXES  # most of them are about something else, and not worth a word
_NAMED_SUFFIXES = {*ARCHIVES, *TABLES}


@dataclass
class Found:
    """What a walk found: run folders; files by the index of the reader that knows them; files that are ``rejected`` with
    the reason; ``others``, which no reader knows, those among them that are ``skipped`` by name, and ``notes`` on some of these.
    """

    run_folders: list[Path] = field(default_factory=list)
    files: dict[int, list[Path]] = field(default_factory=dict)
    rejected: list[tuple[Path, str]] = field(default_factory=list)
    others: list[Path] = field(default_factory=list)
    skipped: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def walk(paths: Sequence[Path]) -> Found:
    """Everything at and below some paths; InputError for one that does not exist. Of stores only run folders."""
    found = Found()
    for path in paths:
        if is_remote(path):
            found.run_folders += run_folder.walk_runs(path)
        elif not path.exists():
            raise InputError(f"{path}: does not exist")
        elif path.is_dir():
            for candidate in _below(path, found):
                _classify(candidate, found, named=False)
        else:
            _classify(path, found, named=True)
    return found


def _below(folder: Path, found: Found) -> Iterator[Path]:
    """The run folders and result files below a folder, sorted; what is inside a run folder is its own."""
    if run_folder.is_run_folder(folder):
        yield folder
        return

    def unlisted(error: OSError) -> None:
        found.rejected.append((Path(error.filename), f"cannot be listed ({error.strerror})"))

    for parent, subfolders, names in os.walk(folder, onerror=unlisted):
        here = Path(parent)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        inside = [name for name in subfolders if run_folder.is_run_folder(here / name)]
        subfolders[:] = [name for name in subfolders if name not in set(inside)]
        shown = [name for name in sorted(names) if not name.startswith(".")]
        files = [name for name in shown if name.lower().endswith(SUFFIXES + LOG_SUFFIXES)]
        _pass_over([here / name for name in shown if name not in set(files)], found)
        for path in (here / name for name in (*inside, *files)):
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
                found.rejected.append(
                    (path, "a link that leads out of the folder; give what it leads to by its own path")
                )
            else:
                yield path


def _pass_over(paths: list[Path], found: Found) -> None:
    """Files of suffixes that no reader knows: tables and archives, which may hold results, are named."""
    found.others += paths
    found.skipped += [path for path in paths if path.suffix.lower() in _NAMED_SUFFIXES]


def _classify(path: Path, found: Found, *, named: bool) -> None:
    if not _is_text(path):
        found.rejected.append((path, "its path is not UTF-8; rename it"))
        return
    if path.is_dir():
        found.run_folders.append(path)
        return
    try:
        require_file(path)
    except InputError as error:
        found.rejected.append((path, str(error)))
        return
    for index, reader in enumerate(FILE_READERS):
        if reader.recognise(path):
            found.files.setdefault(index, []).append(path)
            return
    _not_known(path, found, named=named)


def _not_known(path: Path, found: Found, *, named: bool) -> None:
    is_log = path.suffix.lower() in LOG_SUFFIXES
    reason = why_unreadable(path)
    if named or reason:
        found.rejected.append((path, reason or why_not_taken(path)))
        return
    found.others.append(path)
    if not is_log:
        found.skipped.append(path)
    if nearly_taken(path):
        found.notes.append(f"{path} is passed over: {why_not_taken(path)}")


def _is_text(path: Path) -> bool:
    try:
        os.path.realpath(path).encode()
    except UnicodeEncodeError:
        return False
    return True
