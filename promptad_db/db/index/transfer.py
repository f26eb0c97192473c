"""Runs from one database into another, whatever holds them, each read back and compared before it counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from promptad_db.db.engine import connect, tables
from promptad_db.db.engine.bulk import insert
from promptad_db.db.index.stored import among, delete_rows
from promptad_db.db.index.write import add_categories
from promptad_db.errors import DatabaseError, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptad_db.db.engine.backend import Backend, Transactions
    from promptad_db.db.engine.connect import Where

RUNS_A_STEP = 50
RUN_TABLES = (tables.runs, tables.run_tags, *tables.CATEGORY_TABLES)


@dataclass
class CopyOutcome:
    """Run ids: those that were copied, those that the target had already, and those refused with the reason; and how many
    rows of the first two are equal on both sides.
    """

    copied: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)
    rejected: list[tuple[str, str]] = field(default_factory=list)
    rows: int = 0

    def summary(self) -> str:
        """One line on what was done."""
        there = f" ({len(self.known)} were there already)" if self.known else ""
        rejected = f"; {len(self.rejected)} rejected" if self.rejected else ""
        equal = f"{self.rows} rows of {len(self.copied) + len(self.known)} runs are equal on both sides"
        return f"{len(self.copied)} runs copied{there}{rejected}; {equal}, by counts and checksums"


@dataclass
class _Run:
    """All rows of one run, by table."""

    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=lambda: {table.name: [] for table in RUN_TABLES})

    def count(self) -> int:
        return sum(map(len, self.rows.values()))

    def checksums(self) -> dict[str, tuple[int, str]]:
        """By table: how many rows, and the SHA-256 of their texts in sorted order, which no engine has a say in."""
        return {
            name: (len(rows), sha256("\n".join(sorted(map(repr, rows))).encode()).hexdigest())
            for name, rows in self.rows.items()
        }


def copy(
    source: Where,
    target: Where,
    *,
    replace: bool = False,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> CopyOutcome:
    """Copy every run of ``source`` into ``target``, a file or a server each, some whole runs a transaction.

    Runs that the target has already with the same content are passed over, so that a copy which was interrupted goes on
    where it was; others that it has are rejected, unless ``replace``. Every table of every run is compared by its number
    of rows and a checksum, of new runs before their transaction ends. A missing file is made; PostgreSQL needs
    ``promptad-db init`` first.

    Raises DatabaseError when a database cannot be used, or does not give back what was written.
    """
    one, other = connect.database_path(source), connect.database_path(target)
    if one == other:
        raise UsageError(f"{one}: source and target are the same database", "promptad-db copy SOURCE TARGET")
    with connect.reading(one) as connection:
        run_ids = list(connection.execute(sa.select(tables.runs.c.run_id).order_by(tables.runs.c.run_id)).scalars())
        kinds = {(row.dataset, row.category): row.kind for row in connection.execute(sa.select(tables.categories))}
    outcome = CopyOutcome()
    with connect.transactions(other) as transaction:
        for start in range(0, len(run_ids), RUNS_A_STEP):
            with connect.reading(one) as connection:
                runs = _read(connection, run_ids[start : start + RUNS_A_STEP])
            _copy_runs(transaction, other, runs, kinds, outcome, replace=replace)
            progress(min(start + RUNS_A_STEP, len(run_ids)), len(run_ids))
    return outcome


def _copy_runs(
    transaction: Transactions,
    backend: Backend,
    runs: dict[str, _Run],
    kinds: dict[tuple[str, str], str | None],
    outcome: CopyOutcome,
    *,
    replace: bool,
) -> None:
    """Copy some runs in one transaction; when the database refuses them, one by one, to find which it is."""
    try:
        with transaction() as connection:
            backend.hold(connection, list(runs))
            new, known, rejected = _sorted_out(_read(connection, list(runs)), runs, replace=replace)
            if new:
                _write(connection, {run_id: runs[run_id] for run_id in new}, kinds)
    except InputError as error:
        if len(runs) == 1:
            outcome.rejected += [(run_id, str(error)) for run_id in runs]
            return
        for run_id, run in runs.items():
            _copy_runs(transaction, backend, {run_id: run}, kinds, outcome, replace=replace)
        return
    outcome.copied += new
    outcome.known += known
    outcome.rejected += rejected
    outcome.rows += sum(runs[run_id].count() for run_id in [*new, *known])


def _read(connection: sa.Connection, run_ids: list[str]) -> dict[str, _Run]:
    """The runs with these ids that are there, with all their rows."""
    runs: dict[str, _Run] = {}
    for table in RUN_TABLES:
        where = table.columns.keys().index("run_id")
        for row in connection.execute(sa.select(table).where(among(table.c.run_id, run_ids))):
            runs.setdefault(row[where], _Run()).rows[table.name].append(tuple(row))
    return runs


def _sorted_out(
    there: dict[str, _Run], wanted: dict[str, _Run], *, replace: bool
) -> tuple[list[str], list[str], list[tuple[str, str]]]:
    """Which runs are to be written, which are there already, and which are refused because others are there."""
    new, known, rejected = [], [], []
    for run_id, run in wanted.items():
        different = _difference(there[run_id], run) if run_id in there else []
        if run_id in there and not different:
            known.append(run_id)
        elif run_id not in there or replace:
            new.append(run_id)
        else:
            reason = f"the target has it with other {', '.join(different)}; --replace takes the source's"
            rejected.append((run_id, reason))
    return new, known, rejected


def _difference(one: _Run, other: _Run) -> list[str]:
    ours, theirs = one.checksums(), other.checksums()
    return [name for name in ours if ours[name] != theirs[name]]


def _write(connection: sa.Connection, runs: dict[str, _Run], kinds: dict[tuple[str, str], str | None]) -> None:
    """Put runs in the place of whatever the database has of them, and compare what it has then."""
    delete_rows(connection, list(runs))
    for table in RUN_TABLES:
        rows = [row for run in runs.values() for row in run.rows[table.name]]
        columns = zip(*rows, strict=True) if rows else [[] for _ in table.columns]
        insert(
            connection,
            table,
            {column.name: list(values) for column, values in zip(table.columns, columns, strict=True)},
        )
    of_run = tables.runs.columns.keys().index("dataset")
    of_category = tables.run_categories.columns.keys().index("category")
    found = {
        (run.rows["runs"][0][of_run], row[of_category]) for run in runs.values() for row in run.rows["run_categories"]
    }
    add_categories(connection, {key: kinds.get(key) for key in found})
    written = _read(connection, list(runs))
    for run_id, run in runs.items():
        different = _difference(written[run_id], run)
        if different:
            raise DatabaseError(
                f"run {run_id}: the {different[0]} read back are not those that were written",
                "nothing of this step is stored; look at the disk and the memory of the target",
            )
