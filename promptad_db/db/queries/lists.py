"""What people choose from: pages of runs, the experiments, the values of the filters, the cells of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from promptad_db.db.engine import connect
from promptad_db.db.engine.query import fetch
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.db.queries.selection import choose_runs, list_rows, resolve_runs
from promptad_db.errors import UsageError
from promptad_db.storage import folder_at

if TYPE_CHECKING:
    from pathlib import Path

    from promptad_db.db.engine.connect import Where
    from promptad_db.db.queries.selection import Filters
    from promptad_db.result_set import ResultSet

SORTS = (
    "created_at", "experiment", "method", "variant", "task", "dataset", "k_shot", "seed", "status", "categories",
    "semantic", "memory",
)  # fmt: skip
DIRECTIONS = ("up", "down")
_KINDS = {"semantic": "auroc", "memory": "auroc", "best_fusion": "auroc", "gap": "gap"}


@dataclass(frozen=True)
class RunSearch:
    """Which runs to list; None means all. ``search`` is part of an id, experiment, method, dataset, variant or tag,
    whatever its case.
    """

    search: str | None = None
    experiment: str | None = None
    dataset: str | None = None
    task: str | None = None
    method: str | None = None
    variant: str | None = None
    status: str | None = None
    tag: str | None = None
    k_shot: int | None = None
    seed: int | None = None


def find_runs(
    database: Where,
    wanted: RunSearch,
    *,
    sort: str = "created_at",
    direction: str = "down",
    page: int = 1,
    size: int = 50,
) -> tuple[ResultSet, int]:
    """One page of the runs that match, ``size`` a page from 1 on, and how many match in all.

    ``semantic`` and ``memory`` are mean AUROCs (0..1) over the categories of a run. Raises UsageError for a column that
    runs cannot be sorted by.
    """
    if sort not in SORTS or direction not in DIRECTIONS:
        raise UsageError(f"runs cannot be sorted by {sort}, {direction}", f"sort by {', '.join(SORTS)}; up or down")
    query = load_sql("lists", "found_runs")
    order = {"sort": sort, "direction": direction, "size": size, "skip": (page - 1) * size}
    with connect.reading(database) as connection:
        result = fetch(connection, query.sql, **asdict(wanted), **order)
    matches = result.rows[0][-1] if result.rows else 0
    rows = [row[:-1] for row in result.rows]
    return replace(result, columns=result.columns[:-1], rows=rows, kinds=_kinds(result)), matches


def experiments(database: Where) -> ResultSet:
    """Every experiment, the one with the newest run first, and how much was run in it."""
    return _listed(database, "experiment_sizes")


def origins(database: Where, filters: Filters) -> ResultSet:
    """The experiments and methods that the filters choose: how many runs each has, and when its first and last one began."""
    with connect.reading(database) as connection:
        filters, _ = choose_runs(connection, filters)
        return list_rows(connection, "origins", filters)


def choices(database: Where) -> dict[str, list[str]]:
    """The values that occur, by the filter that takes them; numbers in their order, as texts."""
    values: dict[str, list[str]] = {}
    for name, value, _ in _listed(database, "choices").rows:
        values.setdefault(name, []).append(value)
    for name in ("k_shot", "seed"):
        values.get(name, []).sort(key=int)
    return values


def run_roots(database: Where) -> list[Path]:
    """The folders in which the run folders of the database lie."""
    return [folder_at(root) for (root,) in _listed(database, "run_roots").rows]


def run_cells(database: Where, run: str) -> ResultSet:
    """The categories of a run (an id, or an unambiguous part of one): AUROCs, gap, and how many images."""
    with connect.reading(database) as connection:
        run_ids = resolve_runs(connection, (run,))
        assert run_ids is not None
        result = fetch(connection, load_sql("lists", "run_cells").sql, run_id=run_ids[0])
    return replace(result, kinds=_kinds(result))


def cell_runs(
    database: Where, *, dataset: str, category: str, k_shot: int, seed: int | None, task: str, experiment: str | None
) -> ResultSet:
    """The runs that have one cell, the one that counts first."""
    cell = {"dataset": dataset, "category": category, "k_shot": k_shot, "seed": seed, "task": task}
    return _listed(database, "cell_runs", **cell, experiment=experiment)


def _listed(database: Where, name: str, **parameters: Any) -> ResultSet:
    with connect.reading(database) as connection:
        return fetch(connection, load_sql("lists", name).sql, **parameters)


def _kinds(result: ResultSet) -> dict[str, str]:
    return {column: _KINDS[column] for column in result.columns if column in _KINDS}
