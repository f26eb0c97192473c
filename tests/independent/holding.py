"""Hold what is reported against the independent computation: every difference as a line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from independent import audits, comparisons, fusions, gates, paper, significance, summaries, variants
from independent.cells import (
    CELL,
    NO_SEED,
    PAIR,
    Wanted,
    branch_auroc,
    fused_of,
    numbers_of,
    pairs_of,
    runs_of,
    shown_of,
)
from independent.cost import cost
from independent.intervals import bounds, terms_of
from promptad_db import Filters, audit, compare, open_db, report
from promptad_db.errors import NoRowsError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

    from independent.databases import Logged

Row = dict[str, Any]
EXACT = 1e-12
ALL = 10**6
_OF_SEMANTIC_AND_MEMORY = ("gate", "gate-picks", "cost")
_PLACE = ("dataset", "category", "k_shot", "seed", "task")
_GROUPS = {"summary": ["task"], "datasets": ["dataset", "task"], "k-shot": ["k_shot", "task"]}
_KEYS = {
    "compare": ("task",), "worst": _PLACE, "categories": ("dataset", "category", "task"), "fusion": ("task", "rule"),
    "variants": ("task", "dataset", "variant", "branch"), "repairs": ("variant", *_PLACE),
    "gate": ("task", "gate"), "gate-picks": ("task", "gate", "dataset", "category"), "cost": ("task", "dataset"),
    "significance": ("task", "branch", "against"), "paper": tuple(paper.SERIES),
}  # fmt: skip
_USUAL = Wanted(experiments=("e",))
_UNUSUAL = (
    Wanted(experiments=("e",), branches=("memory", "max")),
    Wanted(experiments=("e",), provenance="exact"),
    Wanted(experiments=("f",), provenance="reported"),
    Wanted(experiments=("e",), methods=("m",), variants=("baseline",)),
    Wanted(experiments=("e", "f")),
    Wanted(experiments=("e",), provenance="approx"),
    Wanted(experiments=("e",), variants=("spatial_prompts", "memory_only")),
)


def differences(logged: Logged, turn: int) -> Iterator[str]:
    """Every difference between what is reported of a database and what the runs say; by ``turn`` of other filters."""
    yield from _views(logged)
    yield from _report(logged, _USUAL)
    yield from _report(logged, _UNUSUAL[turn % len(_UNUSUAL)])
    yield from _comparisons(logged, turn)
    yield from _audits(logged)


def held(where: str, shown: Sequence[Row], own: Sequence[Row], keys: Sequence[str]) -> Iterator[str]:
    """The differences between two lists of rows that are told apart by ``keys``, in the columns of our own."""
    there = {tuple(row[key] for key in keys): row for row in shown}
    ours = {tuple(_plain(row[key]) for key in keys): row for row in own}
    if len(there) < len(shown):
        yield f"{where}: {len(shown) - len(there)} rows are shown twice"
    for key in sorted(there.keys() ^ ours.keys(), key=str):
        yield f"{where}: {_named(keys, key)} is {'shown only' if key in there else 'not shown'}"
    for key in sorted(there.keys() & ours.keys(), key=str):
        for column, value in ours[key].items():
            found = there[key].get(column, None if column == "p_value" else "no such column")
            if not near(found, _plain(value), column):
                yield f"{where}: {_named(keys, key)}: {column} is {found!r}, but {_plain(value)!r} by pandas"


def near(found: Any, value: Any, column: str) -> bool:
    """Whether two values are the same; p values to nine digits."""
    if isinstance(found, int | float) and isinstance(value, int | float):
        return abs(found - value) <= (1e-9 * abs(value) if column == "p_value" else EXACT) + 1e-15
    return bool(found == value)


def _plain(value: Any) -> Any:
    """A value of pandas or numpy as one of Python, None for NaN."""
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value


def _named(keys: Sequence[str], key: Sequence[Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in zip(keys, key, strict=True))


def _filters(wanted: Wanted) -> Filters:
    return Filters(**vars(wanted))


def _report(logged: Logged, wanted: Wanted) -> Iterator[str]:
    """The sections of a report."""
    own = sections(logged, wanted)
    if own is None:
        return
    given = report(logged.path, _filters(wanted), sections=list(own), top=ALL, ci=True)
    asked = ", ".join(f"{name}={value}" for name, value in vars(wanted).items() if value)
    for section in given.sections:
        keys = _KEYS.get(section.name) or tuple(_GROUPS[section.name])
        branches = PAIR if section.name in _OF_SEMANTIC_AND_MEMORY else wanted.branches
        shown = section.result.renamed(_in_place(section.result.columns, branches)).records()
        yield from held(f"report {section.name} ({asked})", shown, own[section.name], keys)


def _in_place(columns: Sequence[str], branches: tuple[str, str]) -> dict[str, str]:
    """The columns that carry the names of two branches under those of semantic and memory."""
    if branches == PAIR:
        return {}
    words = dict(zip(branches, PAIR, strict=True))
    return {column: "_".join(words.get(word, word) for word in column.split("_")) for column in columns}


def sections(logged: Logged, wanted: Wanted) -> dict[str, list[Row]] | None:
    """Every section as we make it; None where nothing matches."""
    runs = runs_of(logged, wanted)
    numbers = numbers_of(logged, runs, wanted.provenance)
    pairs = pairs_of(numbers, wanted.branches)
    if not len(numbers) or not set(wanted.branches) <= set(numbers.branch):
        return None
    shown = shown_of(pairs)
    fused = fused_of(numbers, shown, wanted.branches)
    reference = variants.reference_of(runs)
    gate_cells = gates.gate_cells(numbers)
    made = {
        name: with_intervals(logged, summaries.summaries(shown, by), shown, by, wanted.branches)
        for name, by in _GROUPS.items()
    }
    return made | {
        "compare": with_intervals(logged, summaries.compared_tasks(shown), shown, ["task"], wanted.branches),
        "worst": with_intervals(logged, summaries.cells(shown), shown, list(_PLACE), wanted.branches, names=PAIR),
        "categories": with_intervals(
            logged, summaries.categories(shown, wanted.branches), shown, ["dataset", "category", "task"], wanted.branches,
            names=PAIR,
        ),
        "fusion": fusions.gains(fused, ["task"], wanted.branches, logged),
        "variants": variants.variants(numbers, reference),
        "repairs": variants.repairs(numbers, reference),
        "gate": gates.gates(gate_cells),
        "gate-picks": gates.picks(logged, gate_cells),
        "cost": cost(logged, numbers, shown_of(pairs_of(numbers))),
        "significance": significance.significance(logged, shown, fused, wanted.branches),
        "paper": paper.paper(numbers),
    }  # fmt: skip


def with_intervals(
    logged: Logged, rows: list[Row], pairs: pd.DataFrame, by: Sequence[str], branches: tuple[str, str],
    names: tuple[str, str] = ("semantic_mean", "memory_mean"),
) -> list[Row]:  # fmt: skip
    """Rows of pairs with the intervals of both branches and of the gap."""
    made = []
    for row in rows:
        cells = pairs[pairs.gap.notna()]
        for name in by:
            cells = cells[cells[name] == (NO_SEED if name == "seed" and row[name] is None else row[name])]
        a, b = terms_of(cells, branches[0], "_a"), terms_of(cells, branches[1], "_b")
        less = [(-term[0], *term[1:]) for term in a]
        gap = "gap" if names == PAIR else "mean_gap"
        found = bounds(logged, a, names[0]) | bounds(logged, b, names[1])
        made.append(row | found | bounds(logged, [*b, *less], gap, difference=True))
    return made


def _views(logged: Logged) -> Iterator[str]:
    database = open_db(logged.path)
    for name, (rows, keys) in views(logged).items():
        shown = database.query(f"SELECT * FROM {name}").records()
        yield from held(f"view {name}", shown, rows, keys)


def views(logged: Logged) -> dict[str, tuple[list[Row], Sequence[str]]]:
    """Every view as we make it, and the columns that tell its rows apart."""
    numbers = numbers_of(logged, runs_of(logged))
    pairs = pairs_of(numbers)
    setting = ["experiment", "method", "variant"]
    aurocs = branch_auroc(numbers).rename(columns={"value": "auroc"})
    columns = ["auroc", "provenance", "precision", "run_id"]
    names = {"value_a": "semantic", "value_b": "memory", "run_id_a": "semantic_run_id", "run_id_b": "memory_run_id"}
    gap = pairs.rename(columns=names)
    gap_columns = [
        "semantic",
        "memory",
        "gap",
        "abs_gap",
        "weak_branch",
        "of_two_runs",
        "semantic_run_id",
        "memory_run_id",
    ]
    return {
        "branch_auroc": (_records(aurocs[[*CELL, "branch", *columns]]), [*CELL, "branch"]),
        "branch_gap": (_records(gap[[*CELL, *gap_columns]]), CELL),
        "task_summary": (_summary(pairs, [*setting, "task"]), [*setting, "task"]),
        "dataset_summary": (_summary(pairs, [*setting, "dataset", "task"]), [*setting, "dataset", "task"]),
        "cls_vs_seg": (summaries.cls_vs_seg(pairs), setting),
        "auroc_by_provenance": (audits.by_provenance(logged), ["run_id", "category", "branch"]),
        "approx_audit": (audits.of_runs(logged), ["run_id", "category"]),
        "fusion_gain": (fusions.gains(fused_of(numbers, pairs), [*setting, "task"]), [*setting, "task", "rule"]),
    }


def _summary(pairs: pd.DataFrame, by: list[str]) -> list[Row]:
    left_away = ("median_abs_gap", "provenance")
    return [{k: v for k, v in row.items() if k not in left_away} for row in summaries.summaries(pairs, by)]


def _records(frame: pd.DataFrame) -> list[Row]:
    rows = frame.to_dict("records")
    return [{k: None if k == "seed" and v == NO_SEED else _plain(v) for k, v in row.items()} for row in rows]


def _comparisons(logged: Logged, turn: int) -> Iterator[str]:
    ids = list(logged.runs.run_id)
    asked = [
        ("method", "m", "n", _USUAL), ("variant", "baseline", "spatial_prompts", _USUAL),
        ("branch", "memory", "max", _USUAL), ("experiment", "e", "f", Wanted()), ("branch", "semantic", "memory", _USUAL),
    ]  # fmt: skip
    for index in (turn, turn + 1, turn + 2):
        yield from _compared(logged, *asked[index % len(asked)])
    yield from _compared(logged, "run", ids[0], ids[1 + turn % (len(ids) - 1)], Wanted())


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
    for name, by, names in groups:
        own = comparisons.compared(logged, both, by, names, ci=True)
        yield from held(f"{where}: {name}", shown[name], own, by)


def _audits(logged: Logged) -> Iterator[str]:
    for wanted in (Wanted(experiments=("e",)), Wanted(experiments=("f",))):
        runs = runs_of(logged, wanted)
        numbers = numbers_of(logged, runs)
        shown = shown_of(pairs_of(numbers))
        shown = shown[shown.gap.notna()]
        maxima = numbers[numbers.branch == "max"][["run_id", "category", "value"]]
        maxima = maxima.rename(columns={"value": "max_auroc"})
        shown = shown.assign(run_id=shown.run_id_a.where(~shown.of_two_runs))
        with_max = shown.merge(maxima, on=["run_id", "category"], how="left")
        stored = audits.stored_estimates(logged, runs, shown)
        computed = audits.computed_estimates(audits.score_means(logged), with_max[with_max.max_auroc.notna()])
        for source, cells in (("stored", with_max.merge(stored, on=CELL)), ("computed", computed)):
            yield from _audit(logged, wanted, source, cells)


def _audit(logged: Logged, wanted: Wanted, source: str, cells: pd.DataFrame) -> Iterator[str]:
    where = f"audit --estimate {source} {wanted.experiments}"
    own = audits.audited(cells)
    try:
        given = audit(logged.path, _filters(wanted), estimate=source)
    except NoRowsError:
        if own:
            yield f"{where}: no rows, but {len(own)} by pandas"
        return
    yield from held(f"{where}: cells", given.cells.records(), own, _PLACE)
    if own:
        yield from held(f"{where}: totals", [{"all": 0, **given.totals}], [{"all": 0, **audits.totals(own)}], ["all"])
