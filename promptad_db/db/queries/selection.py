"""What a report is about: the filters, and the temporary tables that they fill."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from promptad_db.db.engine.query import execute, fetch
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.db.queries.cautions import cautions
from promptad_db.db.queries.column_kinds import COLUMN_KINDS
from promptad_db.errors import NoRowsError, UsageError
from promptad_db.records import BRANCHES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from promptad_db.result_set import ResultSet, Section

DECIMALS = 12

_OCCASIONAL = ("of_two_runs", "cells_of_several_runs", "std_leaves_out", "calibration", "way_covered_note")
_IDLE = (None, False, 0, "none")
_NAMES = ("experiment", "method")
_ROWS_OF_CELLS = ("worst", "cells", "repairs")
PROVENANCES = ("best", "exact", "reported", "approx")

_SELECTION = (
    ("VIEW", "definition", "numbers_by_provenance"),
    ("VIEW", "definition", "true_numbers"),
    ("TABLE", "definition", "run_auroc"),
    ("TABLE", "definition", "branch_kinds"),
    ("VIEW", "definition", "gap_cells"),
    ("TABLE", "selection", "cells"),
    ("VIEW", "definition", "seed_means"),
    ("TABLE", "definition", "summaries"),
    ("VIEW", "definition", "fusion_cells"),
    ("VIEW", "selection", "fused"),
    ("VIEW", "definition", "gains"),
    ("VIEW", "definition", "series_means"),
    ("VIEW", "definition", "series_names"),
    ("VIEW", "selection", "run_branches"),
    ("VIEW", "selection", "gate_numbers"),
)
"""What a report reads from, each made of those above: the views of the database over again, of the chosen runs alone."""

_CONDITIONS = {"run_keys": "filters", "run_auroc": "categories"}
"""Which files end those that look at only some runs or categories."""


@dataclass(frozen=True)
class Filters:
    """Which cells count, which two branches are compared, and by which numbers; None means all.

    For example ``Filters(tasks=("seg",), k_shots=(1, 2))``. ``provenance`` is best (the exact number of a cell, else the
    reported one), exact, reported or approx. Raises UsageError for one that is not, and for a text in place of a tuple.
    """

    tasks: tuple[str, ...] | None = None
    experiments: tuple[str, ...] | None = None
    datasets: tuple[str, ...] | None = None
    categories: tuple[str, ...] | None = None
    k_shots: tuple[int, ...] | None = None
    seeds: tuple[int, ...] | None = None
    methods: tuple[str, ...] | None = None
    variants: tuple[str, ...] | None = None
    run_ids: tuple[str, ...] | None = None
    branches: tuple[str, str] = BRANCHES
    provenance: str = "best"

    def __post_init__(self) -> None:
        if self.provenance not in PROVENANCES:
            raise UsageError(f"there is no provenance {self.provenance!r}", f"use one of {', '.join(PROVENANCES)}")
        for name, value in vars(self).items():
            if isinstance(value, str) and name != "provenance":
                raise UsageError(f"the filter {name} takes a tuple, not {value!r}", f"{name}=({value!r},)")


def select(connection: sa.Connection, filters: Filters, *, each_variant: bool = False) -> tuple[Filters, list[str]]:
    """Fill the temporary tables with the selection; returns the filters as understood, and notes for the reader.

    Of a cell that several variants ran baseline counts, else the latest run, and a note says so; with ``each_variant``
    it does not, for who looks at every variant by itself. Raises NoRowsError when nothing matches.
    """
    filters, notes = choose_runs(connection, filters)
    for kind, folder, name in _SELECTION:
        make(connection, name, filters, kind=kind, folder=folder)
    if not connection.execute(sa.text("SELECT COUNT(*) FROM run_auroc")).scalar():
        raise NoRowsError(f"no AUROC matches {_described(filters)}", "see what there is: promptad-db runs list")
    if filters.branches != BRANCHES:
        _check_branches(connection, filters)
    return filters, notes + cautions(connection, filters.branches, each_variant=each_variant)


def choose_runs(connection: sa.Connection, filters: Filters) -> tuple[Filters, list[str]]:
    """Make the temporary table of runs; returns as ``select`` does. Raises NoRowsError when the database holds no runs."""
    filters, notes = _with_experiment(connection, filters)
    make(connection, "run_keys", filters, folder="definition")
    return filters, notes


def make(
    connection: sa.Connection,
    name: str,
    filters: Filters,
    given: Mapping[str, Any] | None = None,
    *,
    kind: str = "TABLE",
    folder: str = "selection",
) -> None:
    """Make a temporary table or view by its .sql file, whose parameters are those of the filters and those ``given``."""
    if name == "true_numbers" and filters.provenance != "best":
        folder = "selection"
    parts = [load_sql(folder, name)]
    if name in _CONDITIONS:
        parts.append(load_sql("selection", _CONDITIONS[name]))
    sql = "\n".join([f"CREATE TEMPORARY {kind} {name} AS", *(part.sql for part in parts)])
    values = {**parameters_of(filters), **(given or {})}
    execute(connection, sql, **{parameter: values[parameter] for part in parts for parameter in part.parameters})


def _check_branches(connection: sa.Connection, filters: Filters) -> None:
    known = [row[0] for row in fetch(connection, "SELECT DISTINCT branch FROM run_auroc ORDER BY branch").rows]
    missing = [branch for branch in filters.branches if branch not in known]
    if missing:
        raise NoRowsError(f"no AUROC of a branch {missing[0]} matches", f"there are {', '.join(known)}")


def unselect(connection: sa.Connection) -> None:
    """Take the temporary tables and views away, to make room for another selection."""
    for kind, _, name in reversed((("TABLE", "definition", "run_keys"), *_SELECTION)):
        connection.exec_driver_sql(f"DROP {kind} {name}")


def section_rows(connection: sa.Connection, folder: str, name: str, filters: Filters, **parameters: Any) -> ResultSet:
    """The rows of one .sql file, with branch names in place; averages are rounded to 12 decimals.

    The last digits of a sum depend on the order in which a database adds; rounded they do not.
    """
    query = load_sql(folder, name)
    parameters = {**parameters_of(filters), **parameters}
    result = fetch(connection, query.sql, **{name: parameters[name] for name in query.parameters})
    rows = [
        tuple(round(value, DECIMALS) + 0.0 if isinstance(value, float) else value for value in row)
        for row in result.rows
    ]
    result = _without_weak_branch(replace(result, rows=rows))
    kinds = {column: COLUMN_KINDS[column] for column in result.columns if column in COLUMN_KINDS}
    return replace(result, kinds=kinds).renamed(branch_names(result.columns, filters.branches))


def _without_weak_branch(result: ResultSet) -> ResultSet:
    """The rows, those with a gap of exactly 0 as ties: an average decided between its branches by digits that are gone."""
    if not {"gap", "weak_branch"} <= set(result.columns):
        return result
    settled = [{**row, "weak_branch": "tie"} if row["gap"] == 0 else row for row in result.records()]
    return replace(result, rows=[tuple(row.values()) for row in settled])


def without_idle(section: Section) -> Section:
    """The section without the columns that speak only of some selections, where they say nothing: one experiment, no cell
    of two runs.
    """
    result = section.result
    idle = [
        name
        for name in result.columns
        if (name in _OCCASIONAL and not any(row[name] not in _IDLE for row in result.records()))
        or (name in _NAMES and section.name in _ROWS_OF_CELLS and len({row[name] for row in result.records()}) == 1)
    ]
    kept = [index for index, name in enumerate(result.columns) if name not in idle]
    rows = [tuple(row[index] for index in kept) for row in result.rows]
    columns = tuple(result.columns[index] for index in kept)
    return replace(section, result=replace(result, columns=columns, rows=rows))


def list_rows(connection: sa.Connection, name: str, filters: Filters) -> ResultSet:
    """The rows of a file of sql/lists, as they are."""
    query = load_sql("lists", name)
    given = parameters_of(filters)
    return fetch(connection, query.sql, **{name: given[name] for name in query.parameters})


def branch_names(columns: tuple[str, ...], branches: tuple[str, str]) -> dict[str, str]:
    """What columns are called that are named after semantic and memory, where two other branches take their places."""
    if branches == BRANCHES:
        return {}
    names = dict(zip(BRANCHES, branches, strict=True))
    return {column: re.sub("semantic|memory", lambda found: names[found[0]], column) for column in columns}


def _with_experiment(connection: sa.Connection, filters: Filters) -> tuple[Filters, list[str]]:
    if filters.experiments or filters.run_ids:
        return replace(filters, run_ids=resolve_runs(connection, filters.run_ids)), []
    names = [row[0] for row in fetch(connection, load_sql("lists", "experiments").sql).rows]
    if not names:
        raise NoRowsError("the database holds no runs yet", "promptad-db ingest PATH")
    notes = []
    if len(names) > 1:
        others = ", ".join(names[1:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")  # noqa: PLR2004
        notes.append(f"experiment {names[0]}, the most recent; others: {others} (choose with --experiment)")
    return replace(filters, experiments=(names[0],)), notes


def resolve_runs(connection: sa.Connection, wanted: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Run ids from ids or their unambiguous beginnings or ends."""
    if wanted is None:
        return None
    known = [row[0] for row in fetch(connection, "SELECT run_id FROM runs ORDER BY run_id").rows]
    return tuple(_resolve(name, known) for name in wanted)


def _resolve(name: str, known: list[str]) -> str:
    if name in known:
        return name
    matches = [run_id for run_id in known if run_id.startswith(name) or run_id.endswith(name)]
    if not matches:
        raise NoRowsError(f"no run is called {name}", "see what there is: promptad-db runs list")
    if len(matches) > 1:
        raise UsageError(
            f"{name} may be any of {len(matches)} runs: {', '.join(matches[:3])}, ...", "give more of the id"
        )
    return matches[0]


def parameters_of(filters: Filters) -> dict[str, Any]:
    """What the .sql files may ask for: the filters by their names, and branch_a and branch_b."""
    values = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(filters).items()}
    first, second = values.pop("branches")
    return {**values, "branch_a": first, "branch_b": second}


def _described(filters: Filters) -> str:
    given = [
        f"{name} {', '.join(map(str, value))}"
        for name, value in asdict(filters).items()
        if isinstance(value, tuple | list) and name != "branches"
    ]
    return "; ".join([*given, f"provenance {filters.provenance}"])
