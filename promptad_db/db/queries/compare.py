"""Two runs, experiments, variants, methods or branches against each other, over the cells that both have."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptad_db.db.engine import connect
from promptad_db.db.engine.query import execute, fetch
from promptad_db.db.engine.sql_files import load_sql
from promptad_db.db.queries.contrasts import contrasts
from promptad_db.db.queries.interval_columns import NOTE, SIDES, add_intervals, add_p_values, with_intervals
from promptad_db.db.queries.kind_columns import kinds_of, with_kinds, with_kinds_of_sides, with_provenance
from promptad_db.db.queries.reports import Report
from promptad_db.db.queries.selection import Filters, make, resolve_runs, section_rows, select, unselect, without_idle
from promptad_db.db.queries.variants import (
    BASELINE,
    WEAK,
    protocol_differences,
    shown_branches,
    sides,
    variant_sections,
)
from promptad_db.errors import NoRowsError, UsageError
from promptad_db.result_set import Section

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from promptad_db.db.engine.connect import Where

KINDS = ("run", "experiment", "method", "variant", "branch")
_COLUMN = {"experiment": "experiment", "method": "method", "variant": "variant"}
_FILTER = {"run": "run_ids", "experiment": "experiments", "method": "methods", "variant": "variants"}


def compare(
    first: str,
    second: str,
    db: Where | None = None,
    filters: Filters | None = None,
    *,
    kind: str = "auto",
    branch: str | None = None,
    ci: bool = False,
) -> Report:
    """Totals and categories of ``second`` against ``first``; wins are cells where ``second`` is higher.

    ``db`` is a database, else PROMPTAD_DB, else ./promptad.duckdb; the filters choose among the cells that both have.
    ``kind`` says what the two names are (run, experiment, method, variant, branch); ``auto`` finds out. ``branch`` keeps
    one branch; by default the totals show every branch that both sides have. Where all cells of a row have scores,
    ``p_value`` is that of its delta over the sampling of test images; ``ci`` adds intervals.
    Raises UsageError when a name may mean two things, NoRowsError when it means none or no cell is shared.
    """
    filters = filters or Filters()
    with connect.reading(connect.database_path(db)) as connection:
        if kind == "auto":
            kind = _kind_of(connection, first, second)
        if kind == "branch":
            notes = _sides_of_branches(connection, first, second, filters)
        else:
            notes = _sides(connection, first, second, kind, filters, branch)
        different = protocol_differences(connection, _runs(connection, "side_a"), _runs(connection, "side_b"))
        if different:
            notes.append(f"the two differ in {different}; their numbers may not be comparable")
        for name in ("both_sides", "side_means"):
            connection.exec_driver_sql(f"CREATE TEMPORARY VIEW {name} AS {load_sql('compare', name).sql}")
        sides = f"a is {kind} {first}, b is {kind} {second}."
        branches = (first, second) if kind == "branch" else (branch, branch)
        sections = [
            _tested(connection, _section(connection, name, filters, sides), filters, branches, ci=ci)
            for name in ("totals", "categories")
        ]
        kinds = kinds_of(connection)
        both = (first, second) if kind == "branch" else None
        sections = [_with_kinds(section, kinds, both, filters) for section in sections]
        if ci:
            notes.append(NOTE)
        left_out = fetch(connection, load_sql("compare", "left_out").sql).records()[0]
        shared = sum(row["cells"] for row in sections[0].result.records())
        if not shared:
            raise _nothing_shared(connection, first, second)
    alone = left_out["cells_a"] + left_out["cells_b"] - 2 * shared
    if alone:
        notes.append(f"{alone} numbers that only one of the two has are left out")
    return Report(sections, notes)


def compare_variants(
    database: Where,
    variants: Sequence[str],
    filters: Filters,
    *,
    min_gap: float = WEAK,
    branch: str | None = None,
    ci: bool = False,
) -> Report:
    """The sections *variants* and *repairs* of the first variant against the others; of one alone, against baseline.

    ``min_gap`` (a fraction) says from where on the reference's semantic branch is weak; ``branch`` keeps one branch.
    Raises NoRowsError when a variant has no number, or no cell is shared.
    """
    named = tuple(dict.fromkeys(variants))
    if len(named) == 1 and named[0] != BASELINE:
        named = (BASELINE, *named)
    if len(named) == 1:
        raise UsageError(f"only {BASELINE} is named", "name those to compare with it: --variants baseline,memory_only")
    with connect.reading(database) as connection:
        filters, notes = select(connection, replace(filters, variants=named), each_variant=True)
        found = sides(connection, named[0])
        missing = [variant for variant in named if variant not in {found.reference, *found.others}]
        if missing:
            raise NoRowsError(f"no run of the variant {missing[0]} matches", "see what there is: promptad-db runs list")
        sections = variant_sections(connection, filters, found.reference, min_gap=min_gap, branch=branch)
        if ci:
            notes.append(NOTE)
            given = {"reference": found.reference, "shown": shown_branches(filters, branch)}
            sections = [with_intervals(connection, section, filters, **given) for section in sections]
        sections = [without_idle(section) for section in sections]
    if not any(row["cells"] for row in sections[0].result.records()):
        raise NoRowsError(
            f"{', '.join(found.others)} and {found.reference} share no cell",
            "they need the same experiment, method, task, dataset, category, K and seed",
        )
    return Report(sections, notes + found.notes)


def _section(connection: sa.Connection, name: str, filters: Filters, sides: str) -> Section:
    result = section_rows(connection, "compare", name, filters)
    return Section(name, f"{sides} {load_sql('compare', name).title}", result)


def _tested(
    connection: sa.Connection, section: Section, filters: Filters, branches: Sequence[str | None], *, ci: bool
) -> Section:
    """The section with the p value of each delta, and its intervals; as it is where no delta can be tested."""
    given = {"section": section.name, "first_branch": branches[0], "second_branch": branches[1]}
    found = dict(contrasts(connection, "sides", filters, **given))
    tested = add_p_values(section, SIDES[section.name], found)
    return add_intervals(tested, SIDES[section.name], found, filters) if ci else tested


def _with_kinds(
    section: Section, kinds: Mapping[str, Mapping[str, Any]], branches: tuple[str, str] | None, filters: Filters
) -> Section:
    """The section with what its branches are; ``branches`` are the two sides where these are branches."""
    result = with_kinds_of_sides(section.result, kinds, branches) if branches else with_kinds(section.result, kinds)
    return replace(section, result=with_provenance(result, filters))


def _kind_of(connection: sa.Connection, first: str, second: str) -> str:
    """What both names are; a full run id wins over a name, and names must not be ambiguous."""
    found = [kind for kind, column in _COLUMN.items() if _exist(connection, "runs", column, first, second)]
    if _exist(connection, "metrics", "branch", first, second):
        found.append("branch")
    if not found:
        try:
            resolve_runs(connection, (first, second))
        except NoRowsError as error:
            raise NoRowsError(
                f"{first} and {second} are not two runs, experiments, methods, variants or branches of the database",
                "see what there is: promptad-db runs list",
            ) from error
        return "run"
    if len(found) > 1:
        raise UsageError(f"{first} and {second} may be {' or '.join(found)}", f"say which: --by {found[0]}")
    return found[0]


def _exist(connection: sa.Connection, table: str, column: str, *names: str) -> bool:
    query = f"SELECT COUNT(DISTINCT {column}) FROM {table} WHERE {column} IN (:first, :second)"  # noqa: S608
    return execute(connection, query, first=names[0], second=names[1]).scalar() == len(set(names))


def _sides(
    connection: sa.Connection, first: str, second: str, kind: str, filters: Filters, branch: str | None
) -> list[str]:
    """Keep each side in a temporary table of its own; returns notes for the reader."""
    notes: list[str] = []
    for table, name in (("side_a", first), ("side_b", second)):
        side: dict[str, Any] = {_FILTER[kind]: (name,)}
        _, of_side = select(connection, replace(filters, **side))
        notes += [note for note in of_side if note not in notes]
        connection.exec_driver_sql(f"CREATE TEMPORARY TABLE {table} AS {load_sql('compare', 'side').sql}")
        unselect(connection)
        if kind == "run":
            connection.exec_driver_sql(f"UPDATE {table} SET seed = NULL, k_shot = 0")  # noqa: S608
        if branch is not None:
            execute(connection, f"DELETE FROM {table} WHERE branch <> :branch", branch=branch)  # noqa: S608
    both = "SELECT run_id FROM side_a UNION SELECT run_id FROM side_b"
    connection.exec_driver_sql(f"CREATE TEMPORARY VIEW run_keys AS {both}")
    make(connection, "branch_kinds", filters, folder="definition")
    return notes


def _sides_of_branches(connection: sa.Connection, first: str, second: str, filters: Filters) -> list[str]:
    """As ``_sides``, of two branches of the same cells, each from the run that a report takes it from."""
    _, notes = select(connection, replace(filters, branches=(first, second)))
    for table, file in (("side_a", "first_branch"), ("side_b", "second_branch")):
        sql = f"CREATE TEMPORARY TABLE {table} AS {load_sql('compare', file).sql}"
        execute(connection, sql, label=f"{first}, {second}")
    return notes


def _nothing_shared(connection: sa.Connection, first: str, second: str) -> NoRowsError:
    """Why two sides have nothing to compare: no branch in common, or no cell."""
    branches = [
        [row[0] for row in fetch(connection, f"SELECT DISTINCT branch FROM {side} ORDER BY branch").rows]  # noqa: S608
        for side in ("side_a", "side_b")
    ]
    if all(branches) and set(branches[0]).isdisjoint(branches[1]):
        return NoRowsError(
            f"{first} and {second} share no branch: {first} has {', '.join(branches[0])}, {second} has "
            f"{', '.join(branches[1])}",
            "fuse or log the same branch in both, and name it with --branch; or compare two branches of the same runs: "
            f"promptad-db compare {branches[0][0]} {branches[1][0]} --by branch",
        )
    return NoRowsError(f"{first} and {second} share no cell", "they need the same task, dataset, category, K and seed")


def _runs(connection: sa.Connection, table: str) -> list[str]:
    return [row[0] for row in fetch(connection, f"SELECT DISTINCT run_id FROM {table} ORDER BY run_id").rows]  # noqa: S608
