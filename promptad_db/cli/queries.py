"""The open door: any SQL, and every table as a file."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from promptad_db.cli.options import db_option, listed, output_options
from promptad_db.cli.output import echo_err, look, note, show
from promptad_db.errors import ExitCode
from promptad_db.limits import QUERY_MEMORY, QUERY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_LIMIT = 1000
_GB = 1 << 30
_GRACE = 5.0  # seconds that a query has to end after it was interrupted


@click.command()
@click.argument("query", required=False)
@click.option(
    "-f", "--file", "file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Read it here."
)
@click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=DEFAULT_LIMIT,
    show_default=True,
    help="At most this many rows; 0 means all. When it cuts, stderr says so.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=QUERY_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="End the query when it takes longer; 0 means never.",
)
@click.option(
    "--memory",
    type=click.FloatRange(min=0.25),
    default=QUERY_MEMORY / _GB,
    show_default=True,
    metavar="GB",
    help="End the query when it needs more.",
)
@output_options
@db_option
def sql(
    query: str | None,
    file: Path | None,
    limit: int,
    timeout: float,
    memory: float,
    output_format: str,
    output: Path | None,
    db: str | None,
) -> None:
    """Run one SQL query, given as an argument, in a --file, or on standard input.

    The database is open for reading only, without access to files, network, extensions or settings; EXPLAIN shows how a
    query would run. Good places to start: branch_auroc, branch_gap, task_summary, fusion_gain, metrics, runs.
    """
    from promptad_db.db import open_db
    from promptad_db.tables import render_rows

    if query is not None and file is not None:
        raise click.UsageError("give the query or --file, not both")
    if query is None:
        query = file.read_text(encoding="utf-8") if file else sys.stdin.read()
    database = open_db(db, timeout=timeout or None, memory=int(memory * _GB))
    with _ended_after(timeout):
        result = database.query(query, limit=limit or None)
    show(render_rows(result, output_format, **look(output)), output)
    if result.cut:
        note([f"cut at {limit} rows; --limit 0 shows all"])


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--as", "file_format", type=click.Choice(("parquet", "csv")), default="parquet", show_default=True, help="How."
)
@listed("--only", help="Only these tables and views.")
@click.option("--force", is_flag=True, help="Write over existing files.")
@db_option
def export(folder: Path, file_format: str, only: tuple[str, ...] | None, *, force: bool, db: str | None) -> None:
    """Write every table and view into FOLDER, a file each."""
    from promptad_db.db import database_path
    from promptad_db.db.queries.export import export as export_files

    files = export_files(database_path(db), folder, file_format=file_format, only=only or (), force=force)
    echo_err([f"{folder}: {len(files)} files"])


@contextmanager
def _ended_after(seconds: float) -> Iterator[None]:
    """Leave the command when an interrupted query does not end: some DuckDB functions do not check for interruption."""
    done = threading.Event()

    def watch() -> None:
        if not done.wait(seconds + _GRACE):
            echo_err(
                [
                    f"error: the query took longer than {seconds:g} s and was ended",
                    "  ask for less, or --timeout SECONDS",
                ]
            )
            os._exit(ExitCode.WRONG_USAGE)

    watcher = threading.Thread(target=watch, daemon=True)
    if seconds:
        watcher.start()
    try:
        yield
    finally:
        done.set()
