"""Run folders into the database: read them outside the lock, write them in short transactions, whole runs only."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from promptad_db import run_folder
from promptad_db.datasets.categories import kind_of
from promptad_db.db import connect, tables
from promptad_db.db.rows import Columns, FolderRows, columns_of, run_row
from promptad_db.errors import InputError

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    import pyarrow as pa


ROWS_A_TRANSACTION = 200_000
RUNS_A_TRANSACTION = 5_000


@dataclass
class IndexOutcome:
    """What indexing did: runs new to the database, runs with new categories, unchanged ones, and what was refused."""

    added: list[str] = field(default_factory=list)
    extended: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    rejected: list[tuple[Path, str]] = field(default_factory=list)

    def extend(self, other: IndexOutcome) -> None:
        """Add what another indexing did."""
        self.added += other.added
        self.extended += other.extended
        self.unchanged += other.unchanged
        self.rejected += other.rejected


@dataclass
class _Stored:
    """What the database holds of one run."""

    row: dict[str, Any]
    tags: set[str] = field(default_factory=set)
    fingerprints: dict[str, str] = field(default_factory=dict)


def index_folders(
    folders: Iterable[Path],
    path: str | os.PathLike[str] | None = None,
    *,
    replace: bool = False,
    at_once: bool = False,
    progress: Callable[[], None] = lambda: None,
) -> IndexOutcome:
    """Index run folders in a database; the same folder twice changes nothing.

    New categories of a known run are added. A category that changed is refused, unless ``replace``. A category that
    cannot be trusted is rejected with its reason, the others of its run are taken. ``at_once`` writes them all in one
    transaction, whatever their size.

    Raises DatabaseError when the database cannot be opened or stays locked; then the folders are as they were.
    """
    database = connect.database_path(path)
    outcome = IndexOutcome()
    most = math.inf if at_once else ROWS_A_TRANSACTION
    for batch in _batches(list(folders), database, outcome, progress, most):
        with connect.writing(database) as connection:
            _write_batch(connection, batch, outcome, replace=replace)
    return outcome


def _batches(
    folders: list[Path], database: Path, outcome: IndexOutcome, progress: Callable[[], None], most: float
) -> Iterator[list[FolderRows]]:
    """The runs that can be read, as many at a time as one short transaction takes."""
    known: dict[str, _Stored] = {}
    if database.exists():
        with connect.reading(database) as connection:
            known = _stored(connection, [folder.name for folder in folders])
    batch: list[FolderRows] = []
    rows = 0
    for folder in folders:
        try:
            run = _read_run(folder, known.get(folder.name))
        except InputError as error:
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


def _read_run(folder: Path, known: _Stored | None) -> FolderRows:
    """Read a run folder; what the database knows by its fingerprint is not read again."""
    folder = folder.resolve()
    run_folder.mend(folder)
    run = FolderRows(run_folder.read_run(folder), folder)
    for category in run_folder.list_categories(folder):
        try:
            run.fingerprints[category] = run_folder.category_fingerprint(folder, category)
        except (InputError, OSError) as error:
            run.rejected.append((run_folder.category_folder(folder, category), str(error)))
    if known is None or known.fingerprints != run.fingerprints:
        run.read_rows()
    return run


def _write_batch(connection: sa.Connection, batch: list[FolderRows], outcome: IndexOutcome, *, replace: bool) -> None:
    known = _stored(connection, [run.info.run_id for run in batch])
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
        if run.info.run_id in known:
            _delete_before_writing(connection, run)
    if writing:
        _insert_runs(connection, list(writing.values()))
    outcome.rejected += [refused for run in batch for refused in run.rejected]


def _stored(connection: sa.Connection, run_ids: list[str]) -> dict[str, _Stored]:
    """What the database holds of these runs, by id."""
    runs = sa.select(tables.runs).where(_among(tables.runs.c.run_id, run_ids))
    stored = {row["run_id"]: _Stored(dict(row)) for row in connection.execute(runs).mappings()}
    tags = sa.select(tables.run_tags).where(_among(tables.run_tags.c.run_id, run_ids))
    for run_id, tag in connection.execute(tags):
        stored[run_id].tags.add(tag)
    of_categories = tables.run_categories.c
    fingerprints = sa.select(of_categories.run_id, of_categories.category, of_categories.fingerprint)
    for run_id, category, fingerprint in connection.execute(fingerprints.where(_among(of_categories.run_id, run_ids))):
        stored[run_id].fingerprints[category] = fingerprint
    return stored


def _among(column: sa.Column[Any], run_ids: list[str]) -> sa.ColumnElement[bool]:
    # One text instead of thousands of parameters, which DuckDB's client binds slowly; run ids hold no comma.
    return column.in_(sa.select(sa.func.unnest(sa.func.string_to_array(",".join(run_ids), ","))))


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
    _insert(connection, tables.runs, columns_of([run_row(run) for run in runs]))
    _insert_tags(connection, runs)
    for table in tables.CATEGORY_TABLES:
        columns: Columns = {column.name: [] for column in table.columns}
        for run in runs:
            for name, values in (run.rows or {})[table.name].items():
                columns[name] += values
        _insert(connection, table, columns)
    _insert_categories(connection, {(run.info.dataset, category) for run in runs for category in run.fingerprints})


def _insert_categories(connection: sa.Connection, found: set[tuple[str, str]]) -> None:
    stored = {
        tuple(row) for row in connection.execute(sa.select(tables.categories.c.dataset, tables.categories.c.category))
    }
    new = sorted(found - stored)
    _insert(
        connection,
        tables.categories,
        columns_of(
            [{"dataset": name, "category": category, "kind": kind_of(name, category)} for name, category in new]
        ),
    )


def _delete_before_writing(connection: sa.Connection, run: FolderRows) -> None:
    """Make room for a run; categories that could not be read this time keep the rows that they have."""
    run_id = run.info.run_id
    for table in (tables.runs, tables.run_tags):
        connection.execute(table.delete().where(table.c.run_id == run_id))
    for table in tables.CATEGORY_TABLES:
        written = table.c.category.in_(list(run.fingerprints))
        connection.execute(table.delete().where(table.c.run_id == run_id, written))


def delete_rows(connection: sa.Connection, run_ids: list[str]) -> None:
    """Take all rows of some runs out of the database, in the connection's transaction."""
    for table in (tables.runs, tables.run_tags, *tables.CATEGORY_TABLES):
        connection.execute(table.delete().where(_among(table.c.run_id, run_ids)))


def _insert(connection: sa.Connection, table: sa.Table, columns: Columns) -> None:
    """Insert many rows at once, through Arrow."""
    if not columns or not next(iter(columns.values())):
        return
    import pyarrow as pa

    arrays = {column.name: pa.array(columns[column.name], _arrow_type(column)) for column in table.columns}
    driver = connection.connection.driver_connection
    assert driver is not None
    driver.register("incoming", pa.table(arrays))
    try:
        connection.exec_driver_sql(f"INSERT INTO {table.name} SELECT * FROM incoming")  # noqa: S608 - our own names
    finally:
        driver.unregister("incoming")


def _arrow_type(column: sa.Column[Any]) -> pa.DataType:
    import pyarrow as pa

    return {
        sa.String: pa.string(),
        sa.Integer: pa.int32(),
        sa.BigInteger: pa.int64(),
        sa.Double: pa.float64(),
        sa.DateTime: pa.timestamp("us"),
    }[type(column.type)]
