"""Run folders that wait to be indexed in a database file: whoever is at it indexes them all, the others only wait.

Many processes that each open the file for themselves would spend their time on the lock. So each hands in a ticket, a
small JSON file in ``<database>.waiting/`` that names its run folders, and tries to become the one that indexes; that one
takes everybody's tickets, a transaction at a time, and leaves an answer beside each. When it dies, the operating system
lets go of its lock and the next one goes on. A ticket whose owner died or lost patience is indexed all the same.
"""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptad_db import files
from promptad_db.db.outcome import IndexOutcome
from promptad_db.errors import DatabaseError, DatabaseLockedError, InputError
from promptad_db.storage import folder_at
from promptad_db.storage.lock import Pauses, holding, patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Index = Callable[[list[Path]], IndexOutcome]

FOLDERS_AT_A_TIME = 1_000
FORGOTTEN_AFTER = 3600.0
_TICKET, _ANSWER = ".ticket.json", ".answer.json"


@dataclass(frozen=True)
class Ticket:
    """Run folders that somebody wants to be indexed, and the file that says so."""

    path: Path
    folders: list[Path]

    @classmethod
    def hand_in(cls, queue: Path, folders: list[Path]) -> Ticket:
        name = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}{_TICKET}"
        ticket = cls(queue / name, [folder.absolute() for folder in folders])
        files.write_json(ticket.path, {"folders": [str(folder) for folder in ticket.folders]})
        return ticket

    @property
    def answer_path(self) -> Path:
        return self.path.with_name(self.path.name.removesuffix(_TICKET) + _ANSWER)

    def answer(self) -> IndexOutcome | None:
        """What was done with its folders, None as long as nothing was."""
        if not self.answer_path.exists():
            return None
        return IndexOutcome.from_json(files.read_json(self.answer_path))

    def give_answer(self, outcome: IndexOutcome) -> None:
        files.write_json(self.answer_path, outcome.about(self.folders).to_json())
        self.path.unlink(missing_ok=True)

    def take_back(self) -> None:
        self.path.unlink(missing_ok=True)
        self.answer_path.unlink(missing_ok=True)


def index_in_turn(database: Path, folders: list[Path], index: Index) -> IndexOutcome:
    """Index run folders together with whatever else waits; ``index`` writes some folders, whole runs only.

    Many folders have several turns, between which others have theirs. Raises DatabaseLockedError when others are at it
    for longer than patience; who comes next indexes these folders too.
    """
    outcome = IndexOutcome()
    for start in range(0, len(folders), FOLDERS_AT_A_TIME):
        outcome.extend(_one_turn(database, folders[start : start + FOLDERS_AT_A_TIME], index))
    return outcome


def _one_turn(database: Path, folders: list[Path], index: Index) -> IndexOutcome:
    queue = database.with_name(database.name + ".waiting")
    try:
        queue.mkdir(parents=True, exist_ok=True)
        ticket = Ticket.hand_in(queue, folders)
        try:
            outcome = _answered(queue, ticket, index)
        except DatabaseLockedError:
            raise
        except BaseException:
            ticket.take_back()
            raise
        if outcome is not None:
            ticket.take_back()
    except OSError as error:
        raise DatabaseError(f"{queue}: cannot be written ({error.strerror})") from error
    if outcome is None:
        raise DatabaseLockedError(
            f"{database}: other processes write to it for longer than PROMPTAD_LOCK_TIMEOUT, {patience():g} s",
            "who writes next indexes these runs too; or wait longer with PROMPTAD_LOCK_TIMEOUT=SECONDS",
        )
    return outcome


def _answered(queue: Path, ticket: Ticket, index: Index) -> IndexOutcome | None:
    """Wait for somebody's answer, or for the turn to index what waits; None when patience ends."""
    pauses = Pauses()
    while True:
        with holding(queue / "lock") as alone:
            outcome = ticket.answer()
            if outcome is None and alone:
                outcome = _index_all(queue, ticket, index)
        if outcome is not None or not pauses.wait():
            return outcome


def _index_all(queue: Path, own: Ticket, index: Index) -> IndexOutcome:
    others = list(_others(queue, own))
    wanted = dict.fromkeys([*own.folders, *(folder for ticket in others for folder in ticket.folders)])
    outcome = index(list(wanted))
    for ticket in others:
        ticket.give_answer(outcome)
    return outcome.about(own.folders)


def _others(queue: Path, own: Ticket) -> Iterator[Ticket]:
    """The tickets of others, the oldest first; answers that nobody came for are thrown away."""
    for path in sorted(queue.iterdir()):
        if path.name.endswith(_ANSWER) and _is_forgotten(path):
            path.unlink(missing_ok=True)
        if not path.name.endswith(_TICKET) or path == own.path:
            continue
        try:
            content: Any = files.read_json(path)
            yield Ticket(path, [folder_at(folder) for folder in content["folders"]])
        except (InputError, KeyError, TypeError):
            path.unlink(missing_ok=True)  # taken back meanwhile, or not one of ours


def _is_forgotten(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > FORGOTTEN_AFTER
    except FileNotFoundError:  # its owner has just taken it
        return False
