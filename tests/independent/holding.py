"""Hold what is reported against the independent computation: every difference as a line."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from independent import audits, comparisons, summaries, variants
from independent.cells import PAIR, Wanted, numbers_of, pairs_of, shown_of
from independent.rankings import rankings
from independent.reports import KEYS, PLACE, sections, with_intervals
from independent.views import plain, views
from promptad_db import Filters, audit, compare, open_db, report
from promptad_db.db.engine.sql_files import names
from promptad_db.db.queries.compare import compare_variants
from promptad_db.db.queries.sections import SECTIONS
from promptad_db.db.queries.significance import critical_difference
from promptad_db.errors import NoRowsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from independent.logged import Logged

Row = dict[str, Any]
EXACT = 1e-12
_DIGITS_OF_P = 1e-8
_HALF_A_DIGIT = 0.005 + EXACT
ALL = 10**6
_OF_OTHERS = "reference"  # published numbers, of no run here
_OF_SEMANTIC_AND_MEMORY = ("gate", "gate-picks", "cost")
_WHERE_ABSENT = {
    "p_value": None,
    "std_leaves_out": 0,
    "of_two_runs": False,
    "cells_of_several_runs": 0,
}  # columns that are shown where they say something
_USUAL = Wanted(experiments=("e",))
_UNUSUAL = (
    Wanted(experiments=("e",), branches=("memory", "max")),
    Wanted(experiments=("e",), provenance="exact"),
    Wanted(experiments=("f",), provenance="reported"),
    Wanted(experiments=("e",), methods=("m",), variants=("baseline",)),
    Wanted(experiments=("e", "f")),
    Wanted(experiments=("e",), provenance="approx"),
    Wanted(experiments=("e",), variants=("spatial_prompts", "memory_only")),
    Wanted(experiments=("e",), k_shots=(1, 2), seeds=(1, 2), categories=("tile", "pcb1"), tasks=("seg",)),
)


def differences(logged: Logged, turn: int) -> Iterator[str]:
    """Every difference between what is reported of a database and what the runs say; by ``turn`` of other filters."""
    for name in sorted(set(SECTIONS) ^ {*KEYS, _OF_OTHERS}):
        yield f"report {name}: is {'no section' if name in KEYS else 'not computed here'}"
    yield from _views(logged)
    yield from _report(logged, _USUAL)
    some_runs = replace(_USUAL, run_ids=tuple(logged.runs.run_id[::2]))
    yield from _report(logged, [*_UNUSUAL, some_runs][turn % (len(_UNUSUAL) + 1)])
    yield from _comparisons(logged, turn)
    yield from _audits(logged)
    shown = critical_difference(logged.path, _filters(_USUAL)).records()
    yield from held(
        "critical differences", shown, rankings(numbers_of(logged, _USUAL)), ("task", "method", "contender")
    )


def held(where: str, shown: Sequence[Row], own: Sequence[Row], keys: Sequence[str]) -> Iterator[str]:
    """The differences between two lists of rows that are told apart by ``keys``, in the columns of our own."""
    there = {tuple(row.get(key) for key in keys): row for row in shown}
    ours = {tuple(plain(row[key]) for key in keys): row for row in own}
    if len(there) < len(shown):
        yield f"{where}: {len(shown) - len(there)} rows are shown twice"
    for key in sorted(there.keys() ^ ours.keys(), key=str):
        yield f"{where}: {_named(keys, key)} is {'shown only' if key in there else 'not shown'}"
    for key in sorted(there.keys() & ours.keys(), key=str):
        for column, value in ours[key].items():
            found = there[key].get(column, _WHERE_ABSENT.get(column, "no such column"))
            if not near(found, plain(value), column):
                yield f"{where}: {_named(keys, key)}: {column} is {found!r}, but {plain(value)!r} by pandas"


def near(found: Any, value: Any, column: str) -> bool:
    """Whether two values are the same to 1e-12, of what is larger than 1 to as many digits, of a p value eight digits as well."""
    if isinstance(found, int | float) and isinstance(value, int | float):
        exact = EXACT * max(1, abs(value))  # a share of a short way can be large
        return abs(found - value) <= min(exact, _DIGITS_OF_P * abs(value) if column == "p_value" else exact)
    return bool(found == value)


def _named(keys: Sequence[str], key: Sequence[Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(keys, key, strict=True))


def _filters(wanted: Wanted) -> Filters:
    return Filters(**vars(wanted))


def _report(logged: Logged, wanted: Wanted) -> Iterator[str]:
    own = sections(logged, wanted)
    if not own:
        return
    given = report(logged.path, _filters(wanted), sections=list(own), top=ALL, ci=True)
    asked = ", ".join(f"{name}={value}" for name, value in vars(wanted).items() if value)
    for section in given.sections:
        branches = PAIR if section.name in _OF_SEMANTIC_AND_MEMORY else wanted.branches
        shown = section.result.renamed(_in_place(section.result.columns, branches)).records()
        shown = _named_once(shown, own[section.name])
        yield from held(f"report {section.name} ({asked})", shown, own[section.name], KEYS[section.name])


def _named_once(shown: list[Row], own: list[Row]) -> list[Row]:
    """The rows shown with their experiment and method, which are columns only where there are several."""
    names = [name for name in ("experiment", "method") if own and name in own[0]]
    alone = {name: own[0][name] for name in names if len({row[name] for row in own}) == 1}
    return [alone | row for row in shown]


def _in_place(columns: Sequence[str], branches: tuple[str, str]) -> dict[str, str]:
    """The columns that carry the names of two branches under those of semantic and memory."""
    if branches == PAIR:
        return {}
    words = dict(zip(branches, PAIR, strict=True))
    return {column: "_".join(words.get(word, word) for word in column.split("_")) for column in columns}


def _views(logged: Logged) -> Iterator[str]:
    database, made = open_db(logged.path), views(logged)
    for name in sorted(made.keys() ^ set(names("views"))):
        yield f"view {name}: is {'not in the database' if name in made else 'not computed here'}"
    for name in sorted(made.keys() & set(names("views"))):
        shown = database.query(f"SELECT * FROM {name}").records()
        yield from held(f"view {name}", shown, *made[name])


def _comparisons(logged: Logged, turn: int) -> Iterator[str]:
    ids = list(logged.runs.run_id)
    asked = [
        ("method", "m", "n", _USUAL), ("variant", "baseline", "spatial_prompts", _USUAL),
        ("branch", "memory", "max", _USUAL), ("experiment", "e", "f", Wanted()), ("branch", "semantic", "memory", _USUAL),
    ]  # fmt: skip
    for index in (turn, turn + 1, turn + 2):
        yield from _compared(logged, *asked[index % len(asked)])
    yield from _compared_variants(logged, "spatial_prompts", "baseline")
    yield from _compared(logged, "run", ids[0], ids[1 + turn % (len(ids) - 1)], Wanted())


def _compared_variants(logged: Logged, *compared: str) -> Iterator[str]:
    wanted = replace(_USUAL, variants=compared)
    numbers = numbers_of(logged, wanted)
    own = {
        "variants": variants.variants(numbers, compared[0], PAIR, logged),
        "repairs": variants.repairs(numbers, compared[0], PAIR),
    }
    if not any(row["cells"] for row in own["variants"]):
        return
    given = compare_variants(logged.path, compared, _filters(_USUAL), ci=True)
    for section in given.sections:
        where = f"compare --variants {','.join(compared)}: {section.name}"
        shown = _named_once(section.result.records(), own[section.name])
        yield from held(where, shown, own[section.name], KEYS[section.name])


def _compared(logged: Logged, kind: str, first: str, second: str, wanted: Wanted) -> Iterator[str]:
    where = f"compare --by {kind} {first} {second}"
    both = comparisons.both_sides(logged, wanted, kind, first, second)
    shared = both[both.value_a.notna() & both.value_b.notna()]
    try:
        given = compare(first, second, logged.path, _filters(wanted), kind=kind, ci=True)
    except NoRowsError as error:
        if len(shared):
            yield f"{where}: {error}, but {len(shared)} cells by pandas"
        return
    groups = (("totals", ["task", "branch"], ("mean_a", "mean_b")),
              ("categories", ["task", "branch", "dataset", "category"], ("a", "b")))  # fmt: skip
    shown = {section.name: section.result.records() for section in given.sections}
    for name, by, means in groups:
        own = comparisons.compared(logged, both, by, means, ci=True)
        yield from held(f"{where}: {name}", shown[name], own, by)


def _audits(logged: Logged) -> Iterator[str]:
    for wanted in (_USUAL, Wanted(experiments=("f",))):
        numbers = numbers_of(logged, wanted)
        shown = shown_of(pairs_of(numbers))
        for estimate, cells in audits.estimated(logged, wanted, numbers, shown).items():
            where = f"audit --estimate {estimate} {wanted.experiments}"
            own = with_intervals(logged, audits.audited(cells), shown, PLACE)
            try:
                given = audit(logged.path, _filters(wanted), estimate=estimate, ci=True)
            except NoRowsError as error:
                if own:
                    yield f"{where}: {error}, but {len(own)} cells by pandas"
                continue
            yield from held(f"{where}: cells", given.cells.records(), own, PLACE)
            if own:
                totals = [{"": "all", **given.totals}], [{"": "all", **audits.totals(own)}]
                yield from held(f"{where}: totals", *totals, [""])
                gaps = {row["task"]: row["mean_abs_gap"] for row in summaries.summaries(shown, ["task"])}
                yield from _concluded(where, given.conclusions.records(), audits.conclusions(own, gaps))


def _concluded(where: str, shown: Sequence[Row], own: Sequence[Row]) -> Iterator[str]:
    """The differences in the conclusions of an audit; their gaps and ratios are printed with two decimals."""
    printed = [row for row in shown if not row["conclusion"].endswith("is max just memory?")]
    ours = {row["conclusion"]: row for row in own}
    for row in printed:
        for name, value in ours.get(row["conclusion"], {}).items():
            if isinstance(value, float) and abs(float(row[name].split()[0]) - value) < _HALF_A_DIGIT:
                row[name] = value
    yield from held(f"{where}: conclusions", printed, own, ["conclusion"])
