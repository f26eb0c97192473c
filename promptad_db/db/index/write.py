"""Run folders into the database: read them outside the lock, write them in short transactions, whole runs only."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as insert_new

from promptad_db import run_folder
from promptad_db.datasets.categories import kind_of
from promptad_db.db.engine import connect, tables
from promptad_db.db.engine.bulk import insert, insert_parts
from promptad_db.db.engine.duckdb_file import DuckDBFile
from promptad_db.db.index.outcome import IndexOutcome
from promptad_db.db.index.rows import FolderRows, columns_of, run_row
from promptad_db.db.index.stored import Fingerprints, StoredRun, stored_runs
from promptad_db.db.index.waiting import index_in_turn
from promptad_db.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from promptad_db.db.engine.backend import Backend, Transactions
    from promptad_db.db.engine.connect import Where
    from promptad_db.db.engine.tables import Columns

ROWS_A_TRANSACTION = 100_000
RUNS_A_TRANSACTION = 5_000


def index_folders(
    folders: Iterable[Path],
    path: Where | None = None,
    *,
    replace: bool = False,
    at_once: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> IndexOutcome:
    """Index run folders in a database; the same folder twice changes nothing.

    New categories of a known run are added. A category that changed is refused, unless ``replace``. A category that
    cannot be trusted is rejected with its reason, the others of its run are taken. ``at_once`` writes them all in one
    transaction, whatever their size.

    Many processes may do so at the same time: of those that add to one database file, one indexes what all of them
    have. Raises DatabaseError when the database cannot be opened or stays locked; then the folders are as they were.
    """
    database = connect.database_path(path)
    folders = [folder.resolve() for folder in folders]
    left = len(folders)

    def step() -> None:
        nonlocal left
        if left:  # the folders of others do not count
            left -= 1
            progress()

    def index(some: list[Path]) -> IndexOutcome:
        return index_directly(some, database, replace=replace, at_once=at_once, progress=step)

    if replace or at_once or not isinstance(database, DuckDBFile):
        return index(folders)
    return index_in_turn(database.path, folders, index)


def index_directly(
    folders: list[Path],
    path: Where,
    *,
    replace: bool = False,
    at_once: bool = False,
    expected: Fingerprints | None = None,
    progress: Callable[[], None] = lambda: None,
) -> IndexOutcome:
    """As ``index_folders``, without regard to what else may wait to be indexed.

    A category without a manifest is refused where it is another one than ``expected``.
    """
    database = connect.database_path(path)
    outcome = IndexOutcome()
    known: dict[str, StoredRun] = {}
    if database.exists():
        with connect.reading(database) as connection:
            known = stored_runs(connection, [folder.name for folder in folders])
    most = math.inf if at_once else 1 if database.run_by_run else ROWS_A_TRANSACTION
    with connect.transactions(database) as transaction:
        for batch in _batches(folders, known, outcome, progress, most, expected):
            outcome.extend(_written(transaction, batch, database, replace=replace))
    return outcome


def index_within(
    connection: sa.Connection,
    backend: Backend,
    folders: list[Path],
    progress: Callable[[], None],
    expected: Fingerprints | None = None,
) -> IndexOutcome:
    """As ``index_directly``, in a transaction that is under way; a refused run leaves it as it was."""

    @contextmanager
    def savepoint() -> Iterator[sa.Connection]:
        with connection.begin_nested():
            yield connection

    outcome = IndexOutcome()
    known = stored_runs(connection, [folder.name for folder in folders])
    for batch in _batches(folders, known, outcome, progress, 1, expected):
        outcome.extend(_written(savepoint, batch, backend, replace=False))
    return outcome


def _written(transaction: Transactions, batch: list[FolderRows], backend: Backend, *, replace: bool) -> IndexOutcome:
    """Write some runs in one transaction; what the database refuses is rejected."""
    try:
        with transaction() as connection:
            backend.hold(connection, [run.info.run_id for run in batch])
            return _write_batch(connection, batch, replace=replace)
    except InputError as error:
        return IndexOutcome(rejected=[(run.folder, str(error)) for run in batch])


def _batches(
    folders: list[Path],
    known: dict[str, StoredRun],
    outcome: IndexOutcome,
    progress: Callable[[], None],
    most: float,
    expected: Fingerprints | None,
) -> Iterator[list[FolderRows]]:
    """The runs that can be read, as many at a time as one short transaction takes."""
    batch: list[FolderRows] = []
    rows = 0
    for folder in folders:
        try:
            run = _read_run(folder, known.get(folder.name), (expected or {}).get(folder.name, {}))
        except (InputError, OSError) as error:
            outcome.rejected.append((folder, str(error)))
            continue
        finally:
            progress()
        batch.append(run)
        rows += run.count()
        if rows >= most or (len(batch) >= RUNS_A_TRANSACTION and most < math.inf):
            yield batch
            batch, rows = [], 0
    if batch:
        yield batch


def _read_run(folder: Path, known: StoredRun | None, expected: Mapping[str, str]) -> FolderRows:
    """Read a run folder; what the database knows by its fingerprint is not read again."""
    folder = folder.resolve()
    run_folder.recover_interrupted(folder)
    run = FolderRows(run_folder.read_run(folder), folder, expected=expected)
    if known is not None:
        run.read_fingerprints()
    if known is None or known.fingerprints != run.fingerprints:
        run.read_rows()
    return run


def _write_batch(connection: sa.Connection, batch: list[FolderRows], *, replace: bool) -> IndexOutcome:
    outcome = IndexOutcome()
    known = stored_runs(connection, [run.info.run_id for run in batch])
    writing: dict[str, FolderRows] = {}
    for run in batch:
        run_id = run.info.run_id
        stored = known.get(run_id)
        fingerprints = stored.fingerprints if stored else {}
        changed = [name for name, found in run.fingerprints.items() if fingerprints.get(name, found) != found]
        if run_id in writing or (changed and not replace):
            what = f"category {changed[0]!r} differs" if changed else "another folder has the same run id"
            reason = f"run {run_id} is in the database, but {what}; --replace takes the new content"
            outcome.rejected.append((run.folder, reason))
        elif stored is None:
            outcome.added.append(run_id)
            writing[run_id] = run
        elif changed or set(run.fingerprints) - set(fingerprints):
            outcome.extended.append(run_id)
            writing[run_id] = run
        else:
            outcome.unchanged.append(run_id)
            if (stored.row, stored.tags) != (run_row(run), set(run.info.tags)):
                _replace_run_row(connection, run)
    for run in writing.values():
        if run.rows is None:
            run.read_rows()
        stored = known.get(run.info.run_id)
        new = run.fingerprints.items() - (stored.fingerprints if stored else {}).items()
        outcome.categories[run.info.run_id] = len(new)
        if run.unverified:
            outcome.unverified[run.info.run_id] = len(run.unverified)
        if stored:
            _delete_before_writing(connection, run)
    if writing:
        _insert_runs(connection, list(writing.values()))
    outcome.rejected += [refused for run in batch for refused in run.rejected]
    return outcome


def _replace_run_row(connection: sa.Connection, run: FolderRows) -> None:
    for table in (tables.runs, tables.run_tags):
        connection.execute(table.delete().where(table.c.run_id == run.info.run_id))
    connection.execute(tables.runs.insert(), [run_row(run)])
    _insert_tags(connection, [run])


def _insert_tags(connection: sa.Connection, runs: list[FolderRows]) -> None:
    tags = [{"run_id": run.info.run_id, "tag": tag} for run in runs for tag in dict.fromkeys(run.info.tags)]
    if tags:
        connection.execute(tables.run_tags.insert(), tags)


def _insert_runs(connection: sa.Connection, runs: list[FolderRows]) -> None:
    insert(connection, tables.runs, columns_of([run_row(run) for run in runs]))
    _insert_tags(connection, runs)
    for table in tables.CATEGORY_TABLES:
        if table in tables.IMAGE_TABLES:
            insert_parts(connection, table, [part for run in runs for part in run.image_rows[table.name]])
            continue
        columns: Columns = {column.name: [] for column in table.columns}
        for run in runs:
            for name, values in (run.rows or {})[table.name].items():
                columns[name] += values
        insert(connection, table, columns)
    _insert_categories(connection, {(run.info.dataset, category) for run in runs for category in run.fingerprints})


def _insert_categories(connection: sa.Connection, found: set[tuple[str, str]]) -> None:
    add_categories(connection, {key: kind_of(*key) for key in found})


def add_categories(connection: sa.Connection, kinds: dict[tuple[str, str], str | None]) -> None:
    """Add those categories, by dataset and name, that the database does not know yet."""
    known = sa.select(tables.categories.c.dataset, tables.categories.c.category)
    new = set(kinds) - {(row[0], row[1]) for row in connection.execute(known)}
    if new:
        rows = [{"dataset": key[0], "category": key[1], "kind": kinds[key]} for key in sorted(new)]
        # In a shared database somebody else may be adding the same; all in one order, so that no two wait for each other.
        connection.execute(insert_new(tables.categories).on_conflict_do_nothing(), rows)


def _delete_before_writing(connection: sa.Connection, run: FolderRows) -> None:
    """Make room for a run; categories that could not be read this time keep the rows that they have."""
    run_id = run.info.run_id
    for table in (tables.runs, tables.run_tags):
        connection.execute(table.delete().where(table.c.run_id == run_id))
    for table in tables.CATEGORY_TABLES:
        written = table.c.category.in_(list(run.fingerprints))
        connection.execute(table.delete().where(table.c.run_id == run_id, written))
