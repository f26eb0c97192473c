"""Every stored byte held against its hash: run.json, the files of each category, and what the database knows of them."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.db.engine import connect
from promptad_db.db.index.stored import Fingerprints, stored_fingerprints
from promptad_db.errors import InputError, NoRowsError
from promptad_db.result_set import ResultSet

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from promptad_db.db.engine.connect import Where
    from promptad_db.records import RunInfo

COLUMNS = ("path", "problem", "fix")
_NAMED = 3

Finding = tuple[str, str, str]


@dataclass
class Verification:
    """What was verified: how many runs, categories and bytes, in how many seconds; and what is damaged, a row a file.

    ``unverified`` counts the categories that have no manifest, since an older version wrote them, ``accepted`` the runs
    whose changes were taken as right.
    """

    runs: int = 0
    categories: int = 0
    size: int = 0
    seconds: float = 0.0
    unverified: int = 0
    accepted: int = 0
    findings: list[Finding] = field(default_factory=list)

    def add(self, other: Verification) -> None:
        """Count what was seen of other runs as well."""
        self.runs += other.runs
        self.categories += other.categories
        self.size += other.size
        self.unverified += other.unverified
        self.accepted += other.accepted
        self.findings += other.findings

    def damaged(self) -> ResultSet:
        """The damaged files: path, what is wrong, and what to do about it."""
        return ResultSet(COLUMNS, sorted(self.findings))

    def summary(self) -> str:
        """One line on all of it."""
        rate = self.size / 1e6 / max(self.seconds, 1e-9)
        looked = f"{self.categories} categories of {self.runs} runs, {self.size / 1e6:,.0f} MB at {rate:,.0f} MB/s"
        damage = f"{len(self.findings)} damaged" if self.findings else "no damage"
        older = f"; {self.unverified} categories of an older version have no checksums" if self.unverified else ""
        accepted = f"; the changes of {self.accepted} runs were accepted" if self.accepted else ""
        return f"{looked}: {damage}{older}{accepted}"


def verify(
    paths: Sequence[Path],
    database: Where | None = None,
    *,
    accept_changes: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Verification:
    """Hash every file of the run folders at or below ``paths`` again, and say what is not as it was written.

    With a ``database``, categories without a manifest are held against what it knows of them, and those that it alone
    knows are named. ``accept_changes`` takes what differs, and what has no hashes yet, as right where it can be read.
    Raises NoRowsError when there is no run folder; DatabaseError when the database cannot be read.
    """
    started = time.monotonic()
    folders = [folder for path in paths for folder in run_folder.walk_runs(path)]
    if not folders:
        raise NoRowsError(f"no run folders in {', '.join(map(str, paths))}", "name the folder that holds them")
    known: Fingerprints = {}
    if database is not None:
        with connect.reading(database) as connection:
            known = stored_fingerprints(connection)
    verification = Verification()
    for done, folder in enumerate(folders, start=1):
        verification.add(_verified(folder, known, accept_changes=accept_changes))
        progress(done, len(folders))
    verification.seconds = time.monotonic() - started
    return verification


def _verified(folder: Path, known: Fingerprints, *, accept_changes: bool) -> Verification:
    """What is to be said of one run."""
    seen = Verification(runs=1)
    try:
        info = run_folder.read_run(folder, changed=accept_changes)
        categories = run_folder.list_categories(folder)
    except (InputError, OSError) as error:
        seen.findings.append(_finding(folder, error, "bring back a copy of run.json"))
        return seen
    differing = [name for name in categories if not _verify_category(info, folder, name, known, seen)]
    gone = known.get(folder.name, {}).keys() - set(categories)
    if accept_changes:
        _accept(folder, differing, seen)
    seen.findings += [
        (
            str(run_folder.category_folder(folder, name)),
            "is gone, the database knows it",
            f"{_fix(info, folder, name)}; or let the database forget it: promptad-db rebuild --forget-damaged",
        )
        for name in sorted(gone)
    ]
    return seen


def _verify_category(info: RunInfo, folder: Path, category: str, known: Fingerprints, seen: Verification) -> bool:
    """Whether the files of a category are as its manifest says."""
    seen.categories += 1
    where, fix = run_folder.category_folder(folder, category), _fix(info, folder, category)
    try:
        content = run_folder.examine_category(folder, category)
    except (InputError, OSError) as error:
        seen.findings.append(_finding(where, error, fix))
        return False
    seen.size += content.size
    seen.findings += [(str(content.folder / name), problem, fix) for name, problem in content.problems]
    if content.sealed:
        return not content.problems
    seen.unverified += 1
    expected = known.get(folder.name, {}).get(category, content.fingerprint)
    if expected != content.fingerprint:
        problem = "has changed since the database learned of it, and no manifest says what is right"
        seen.findings.append((str(where), problem, fix))
    return False


def _accept(folder: Path, categories: Sequence[str], seen: Verification) -> None:
    try:
        run_folder.accept_changes(folder, categories)
    except (InputError, OSError) as error:
        seen.findings.append(_finding(folder, error, "bring back a copy"))
    else:
        seen.accepted, seen.unverified, seen.findings = 1, 0, []


def _finding(where: Path, error: Exception, fix: str) -> Finding:
    """A finding of an error, whose message names the file and whose hint may say more of the fix."""
    message = error.args[0] if isinstance(error, InputError) else f"{getattr(error, 'strerror', None) or error}"
    path, colon, problem = message.partition(": ")
    if not colon or not path.startswith(str(where)):
        path, problem = str(where), message
    return path, problem, (error.hint if isinstance(error, InputError) else "") or fix


def _fix(info: RunInfo, folder: Path, category: str) -> str:
    """What brings a category back: a copy, or making it again from where it came from."""
    copy = f"bring back a copy of {run_folder.category_folder(folder, category)}"
    sources = info.source.get("files")
    if isinstance(sources, list) and sources and all(isinstance(one, dict) and "path" in one for one in sources):
        paths = [str(one["path"]) for one in sources[:_NAMED]] + (["..."] if len(sources) > _NAMED else [])
        command = shlex.join(["promptad-db", "ingest", "--replace", "--runs", str(folder.parent), *paths])
        return f"{copy}; or read its source again: {command}"
    return f"{copy}; or remove that folder and compute the category again (promptad-db run --resume)"
