"""Run folders that wait to be indexed in a database file: whoever is at it indexes them all, the others only wait.

Many processes that each open the file for themselves would spend their time on the lock. So each hands in a ticket, a
small JSON file in ``<database>.waiting/`` that names its run folders, and tries to become the one that indexes; that one
takes everybody's tickets, a transaction at a time, and leaves an answer beside each. When it dies, the operating system
lets go of its lock and the next one goes on. A ticket whose owner died or gave up is indexed all the same. One
that cannot be used is renamed to ``*.bad.json`` and named in a warning: nobody else is kept from anything by it.
"""

from __future__ import annotations

import os
import secrets
import stat
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptad_db.errors import DatabaseError, DatabaseLockedError, InputError
from promptad_db.progress import logger
from promptad_db.storage.lock import Backoff, holding, lock_timeout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from promptad_db.db.index.outcome import IndexOutcome

    Index = Callable[[list[Path]], IndexOutcome]

FORGOTTEN_AFTER = 3600.0
_TICKET, _ANSWER, _BAD = ".ticket.json", ".answer.json", ".bad.json"


@dataclass(frozen=True)
class Ticket:
    """Run folders that somebody wants to be indexed, and the file that says so."""

    path: Path
    folders: list[Path]

    @classmethod
    def hand_in(cls, queue: Path, folders: list[Path]) -> Ticket:
        from promptad_db.db.index.tickets import write_ticket

        name = f"{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(4)}{_TICKET}"
        ticket = cls(queue / name, [folder.absolute() for folder in folders])
        write_ticket(ticket.path, ticket.folders)
        return ticket

    @property
    def answer_path(self) -> Path:
        return self.path.with_name(self.path.name.removesuffix(_TICKET) + _ANSWER)

    def answer(self) -> IndexOutcome | None:
        """What was done with its folders, None as long as nothing was."""
        from promptad_db.db.index.tickets import read_answer

        try:
            return read_answer(self.answer_path)
        except FileNotFoundError:
            return None
        except InputError as error:
            _set_aside(self.answer_path, error)
            return None

    def give_answer(self, outcome: IndexOutcome) -> None:
        from promptad_db.db.index.tickets import write_answer

        write_answer(self.answer_path, outcome.about(self.folders))
        self.path.unlink(missing_ok=True)

    def take_back(self) -> None:
        self.path.unlink(missing_ok=True)
        self.answer_path.unlink(missing_ok=True)


def index_in_turn(database: Path, folders: list[Path], index: Index) -> IndexOutcome:
    """Index run folders together with whatever else waits; ``index`` writes some folders, whole runs only.

    Many folders have several turns, between which others have theirs. Raises DatabaseLockedError when others are at it
    for longer than the lock timeout; who comes next indexes these folders too.
    """
    from promptad_db.db.index.outcome import IndexOutcome
    from promptad_db.db.index.tickets import FOLDERS_AT_A_TIME

    outcome = IndexOutcome()
    for start in range(0, len(folders), FOLDERS_AT_A_TIME):
        outcome.extend(_one_turn(database, folders[start : start + FOLDERS_AT_A_TIME], index))
    return outcome


def _one_turn(database: Path, folders: list[Path], index: Index) -> IndexOutcome:
    queue = database.with_name(database.name + ".waiting")
    try:
        _make_queue(queue)
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
        raise DatabaseError(
            f"{error.filename or queue}: cannot be written ({error.strerror})",
            f"see that {queue} is a folder that you may write into, and that its disk is not full",
        ) from error
    if outcome is None:
        raise DatabaseLockedError(
            f"{database}: other processes write to it for longer than PROMPTAD_LOCK_TIMEOUT, {lock_timeout():g} s",
            "who writes next indexes these runs too; or wait longer with PROMPTAD_LOCK_TIMEOUT=SECONDS",
        )
    return outcome


def _make_queue(queue: Path) -> None:
    if queue.is_dir():
        return
    queue.parent.mkdir(parents=True, exist_ok=True)
    queue.mkdir(exist_ok=True)
    queue.chmod(stat.S_IMODE(queue.parent.stat().st_mode) & 0o777 | 0o700)


def _answered(queue: Path, ticket: Ticket, index: Index) -> IndexOutcome | None:
    """Wait for somebody's answer, or for the turn to index what waits; None after the lock timeout."""
    backoff = Backoff()
    while True:
        with holding(queue / "lock") as alone:
            outcome = ticket.answer()
            if outcome is None and alone:
                outcome = _index_all(queue, ticket, index)
        if outcome is not None or not backoff.wait():
            return outcome


def _index_all(queue: Path, own: Ticket, index: Index) -> IndexOutcome:
    """Index what waits all at once; where that fails in a way that nobody expects, each ticket by itself."""
    others = list(_others(queue, own))
    wanted = dict.fromkeys([*own.folders, *(folder for ticket in others for folder in ticket.folders)])
    try:
        outcome = index(list(wanted))
    except DatabaseError:  # the same for everybody
        raise
    except Exception:
        if not others:
            raise
        outcome = index(own.folders)
        for ticket in others:
            _index_one(ticket, index)
    else:
        for ticket in others:
            _answer_to(ticket, outcome)
    return outcome.about(own.folders)


def _index_one(ticket: Ticket, index: Index) -> None:
    try:
        outcome = index(ticket.folders)
    except DatabaseError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is for who wants these folders
        _set_aside(ticket.path, error)
    else:
        _answer_to(ticket, outcome)


def _answer_to(ticket: Ticket, outcome: IndexOutcome) -> None:
    try:
        ticket.give_answer(outcome)
    except OSError as error:  # its folders are indexed all the same
        logger.warning("%r: cannot be answered (%s)", str(ticket.path), error.strerror)


def _others(queue: Path, own: Ticket) -> Iterator[Ticket]:
    """The tickets of others, the oldest first; answers that nobody came for are thrown away."""
    from promptad_db.db.index.tickets import read_ticket

    for path in sorted(queue.iterdir()):
        if path.name.endswith((_ANSWER, ".tmp")) and _is_forgotten(path):
            with suppress(OSError):
                path.unlink()
        if not path.name.endswith(_TICKET) or path == own.path:
            continue
        try:
            yield Ticket(path, read_ticket(path))
        except FileNotFoundError:  # taken back meanwhile
            continue
        except InputError as error:
            _set_aside(path, error)


def _set_aside(path: Path, error: Exception) -> None:
    """Rename a ticket or an answer that cannot be used, and say so."""
    bad = path.with_name(path.name.removesuffix(".json") + _BAD)
    reason = str(error).removeprefix(f"{path}: ") or type(error).__name__
    try:
        path.rename(bad)
    except OSError as failure:
        reason += f"; it cannot be renamed: {failure.strerror}"
    logger.warning(
        "%r waits to be indexed and cannot be used (%r); it is set aside as %r; promptad-db ingest RUN_FOLDER indexes "
        "what it was about",
        str(path), reason[:300], bad.name,
    )  # fmt: skip


def _is_forgotten(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > FORGOTTEN_AFTER
    except FileNotFoundError:  # its owner has just taken it
        return False
