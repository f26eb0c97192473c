"""Runs as they are listed, found and shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.db.engine import connect
from promptad_db.db.engine.query import fetch
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.db.queries.selection import choose_runs, list_rows, resolve_runs
from promptad_db.errors import InputError, NoRowsError
from promptad_db.result_set import ResultSet, Section
from promptad_db.storage import folder_at

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptad_db.db.engine.connect import Where
    from promptad_db.db.queries.selection import Filters
    from promptad_db.records import RunInfo


LEARNED = "learned"


def list_runs(
    database: Where,
    *,
    experiments: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    datasets: Sequence[str] | None = None,
    tag: str | None = None,
) -> ResultSet:
    """Every run, the newest first."""
    parameters = {"experiments": experiments, "tasks": tasks, "datasets": datasets}
    listed = {name: list(value) if value else None for name, value in parameters.items()}
    with connect.reading(database) as connection:
        return fetch(connection, load_sql("lists", "runs").sql, **listed, tag=tag)


def select_folders(database: Where, filters: Filters) -> tuple[dict[str, Path], list[str]]:
    """Run id to folder of the runs that the filters choose, the oldest first, and notes for the reader.

    The filters of categories, branches and provenance say nothing about runs. Raises NoRowsError when no run matches.
    """
    with connect.reading(database) as connection:
        filters, notes = choose_runs(connection, filters)
        folders = list_rows(connection, "folders", filters).rows
    if not folders:
        given = {name: value for name, value in vars(filters).items() if name not in ("branches", "provenance")}
        described = "; ".join(f"{name} {', '.join(map(str, value))}" for name, value in given.items() if value)
        raise NoRowsError(f"no run matches {described}", "see what there is: promptad-db runs list")
    return {run_id: folder_at(folder) for run_id, folder in folders}, notes


def show_run(database: Where, run: str) -> list[Section]:
    """What is known of one run: its run.json as rows, what it learned in each category (epochs, the words that it chose,
    ...; only when its folder is there and says so), and every number with its provenance.
    """
    with connect.reading(database) as connection:
        run_id = _one(connection, run)
        row = fetch(connection, load_sql("lists", "run_row").sql, run_id=run_id).records()[0]
        query = load_sql("lists", "run_numbers")
        numbers = fetch(connection, query.sql, run_id=run_id)
    rows = [(name, value) for name, value in row.items() if value is not None]
    folder = folder_at(row["folder"])
    learned: list[Section] = []
    if run_folder.is_run_folder(folder):
        info = run_folder.read_run(folder)
        rows += [(name, value) for name, value in _details(info) if value]
        learned = _learned(info)
    return [
        Section("run", "What was run, and where its folder is.", ResultSet(("field", "value"), rows)),
        *learned,
        Section("numbers", query.title, numbers),
    ]


def folder_of(database: Where, run: str) -> Path:
    """The folder of a run, by its id or an unambiguous part of it; InputError when the folder is gone."""
    with connect.reading(database) as connection:
        run_id = _one(connection, run)
        folder = folder_at(fetch(connection, load_sql("lists", "run_row").sql, run_id=run_id).records()[0]["folder"])
    if not run_folder.is_run_folder(folder):
        raise InputError(
            f"{folder}: the folder of run {run_id} is gone", "bring it back, or ingest it from where it is now"
        )
    return folder


def _one(connection: Any, run: str) -> str:
    found = resolve_runs(connection, (run,))
    assert found is not None
    return found[0]


def _details(info: RunInfo) -> list[tuple[str, Any]]:
    source = dict(info.source)
    files = source.pop("files") if isinstance(source.get("files"), list) else []
    return [
        ("tags", ", ".join(info.tags)),
        ("model", info.model),
        ("config", {name: value for name, value in info.config.items() if name != LEARNED}),
        ("environment", info.environment),
        ("source", source),
        *(("source_file", file) for file in files),
    ]


def _learned(info: RunInfo) -> list[Section]:
    """What the run learned, a row for each thing that a category says of itself; nothing where nothing is said."""
    learned = info.config.get(LEARNED)
    if not isinstance(learned, dict):
        return []
    rows = [
        (category, name, value)
        for category, said in sorted(learned.items())
        if isinstance(said, dict)
        for name, value in said.items()
    ]
    title = "What was learned from the shots of each category."
    return [Section(LEARNED, title, ResultSet(("category", "field", "value"), rows))] if rows else []
