"""Where a database is: the few things that an embedded file and a shared server do each in its own way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    import sqlalchemy as sa

    from promptad_db.db.guard.bounds import Bounds

Transactions = Callable[[], "AbstractContextManager[sa.Connection]"]


@dataclass(frozen=True)
class Question:
    """SQL that somebody wrote, in the driver's own form: ``values`` by name for its parameters, and options of execution."""

    sql: str
    values: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """A database that commands work on. Its text is what ``--db`` takes, never with a password."""

    run_by_run: ClassVar[bool]
    """Whether every run is written in a transaction of its own: others may be waiting for it."""

    def exists(self) -> bool:
        """Whether there is a database to be asked; a server says that itself."""

    def reading(self, *, guarded: Bounds | None = None) -> AbstractContextManager[sa.Connection]:
        """One unchanging view of the database. ``guarded`` also shuts off all that somebody else's SQL could change, and
        gives it these bounds.
        """

    def transactions(self, *, alone: bool = False) -> AbstractContextManager[Transactions]:
        """Writing transactions, one after another; each is committed whole or not at all. ``alone``: without other
        writers, as migrations need it.
        """

    def hold(self, connection: sa.Connection, run_ids: Sequence[str]) -> None:
        """Let nobody else write these runs before this transaction ends."""

    def judged(self, connection: sa.Connection, question: Question) -> Question:
        """Somebody else's SQL as it may run for reading; QueryError when it is not one query that asks for rows."""

    def interrupt(self, connection: sa.Connection) -> None:
        """End the statement that another thread runs on this connection, if there is one."""

    def export(self, connection: sa.Connection, name: str, file: Path, *, file_format: str) -> None:
        """Write a table or view to a Parquet or CSV file."""


COPY_OPTIONS = {"parquet": "FORMAT parquet, COMPRESSION zstd", "csv": "FORMAT csv, HEADER"}
