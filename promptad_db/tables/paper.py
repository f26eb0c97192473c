"""The table of a paper: long rows become one column a dataset and K, the best of the fair results of each column bold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from promptad_db.marks import BEST_ON_TEST, ESTIMATE, branch_marks, footnotes, marked, may_win, value_marks
from promptad_db.result_set import ResultSet, Section
from promptad_db.tables.bounds import interval_of
from promptad_db.tables.grid import printed
from promptad_db.tables.values import Best

if TYPE_CHECKING:
    from collections.abc import Sequence

    from promptad_db.marks import Mark

_LABELS = ("task", "experiment", "method", "variant", "branch")
_NEEDED = {*_LABELS, "dataset", "k_shot", "mean", "std"}
_TITLE_OF_ESTIMATES = (
    "Estimates from score means without ground truth (approx), not measured AUROCs: their mean over categories, with the "
    "standard deviation over seeds; none is bold."
)

Record = dict[str, Any]
Setting = tuple[Any, Any]  # dataset, K


def is_paper(section: Section) -> bool:
    """Whether it is the long section ``paper``, one row a cell of the table."""
    return section.name == "paper" and set(section.result.columns) >= _NEEDED


def pivot_paper(section: Section) -> Section:
    """The long section ``paper`` (mean and std in 0..1, one row a cell of the table) made wide, its values as text.

    A row is one (task, experiment, method, variant, branch); of these columns only those that differ are shown, and
    the branch. The best mean of a column within a task is a Best, decided on the stored doubles. Upper bounds, supervised
    rules and estimates never are, nor a mean over fewer categories than another of its column, which says so, nor one
    whose epoch was chosen on the test set beside one whose was not. Marks stand behind branches and values, see
    ``paper_footnotes``. A section that is not long is given back as it is.
    """
    if not is_paper(section):
        return section
    records = [*map(dict, section.result.records())]
    _count_categories(records)
    shown = [label for label in _LABELS if label == "branch" or len({record[label] for record in records}) > 1]
    settings = sorted({_setting(record) for record in records}, key=lambda pair: (str(pair[0]), pair[1] or 0))
    best = _best_means(records)
    rows: dict[tuple[Any, ...], dict[Setting, str | None]] = {}
    marks = _marks_of_values(records)
    for record in records:
        labels = tuple(_label(record, name) for name in _LABELS)
        rows.setdefault(labels, {})[_setting(record)] = _cell(record, best, marks)
    table = [
        (*(label for name, label in zip(_LABELS, labels, strict=True) if name in shown), *map(row.get, settings))
        for labels, row in rows.items()
    ]
    wide = [f"{dataset} K={k_shot}" for dataset, k_shot in settings]
    title = _TITLE_OF_ESTIMATES if only_estimates(records) else section.title
    return Section(section.name, title, ResultSet((*shown, *wide), table, dict.fromkeys(wide, "auroc")))


def paper_footnotes(section: Section) -> list[str]:
    """What the marks of the pivoted section mean, and what holds for all of its numbers, a line each."""
    records = section.result.records()
    shown = _marks_of_values(records)
    everywhere = {mark for record in records for mark in value_marks(record)} - shown
    of_branches = {mark for record in records for mark in branch_marks(record["branch"], record)}
    return [*(f"All numbers are {mark.meaning}" for mark in sorted(everywhere)), *footnotes(of_branches | shown)]


def only_estimates(records: Sequence[Record]) -> bool:
    """Whether there are numbers, and none of them is an AUROC."""
    return bool(records) and all(ESTIMATE in value_marks(record) for record in records)


def _label(record: Record, name: str) -> Any:
    return marked(record[name], branch_marks(record[name], record)) if name == "branch" else record[name]


def _marks_of_values(records: Sequence[Record]) -> set[Mark]:
    """The marks that stand behind values: an estimate always, any other where it does not hold for all values."""
    marks = [set(value_marks(record)) for record in records]
    return {mark for of_one in marks for mark in of_one if mark == ESTIMATE or not all(mark in one for one in marks)}


def _count_categories(records: Sequence[Record]) -> None:
    """Note in each record over how many ``categories`` its mean is, and ``of`` how many the fullest of its column is."""
    most: dict[tuple[Any, ...], int] = {}
    for record in records:
        record["categories"] = round((record.get("cells") or 0) / (record.get("seeds") or 1))
        most[_column(record)] = max(record["categories"], most.get(_column(record), 0))
    for record in records:
        record["of"] = most[_column(record)]


def _setting(record: Record) -> Setting:
    return record["dataset"], record["k_shot"]


def _column(record: Record) -> tuple[Any, ...]:
    return (record["task"], *_setting(record))


def _best_means(records: Sequence[Record]) -> dict[tuple[Any, ...], tuple[bool, float]]:
    """The best mean of each column; those of epochs chosen on the test set count where there are no others."""
    best: dict[tuple[Any, ...], tuple[bool, float]] = {}
    for record in records:
        if _contends(record):
            candidate = BEST_ON_TEST not in value_marks(record), record["mean"]
            best[_column(record)] = max(candidate, best.get(_column(record), candidate))
    return best


def _contends(record: Record) -> bool:
    mean = record["mean"]
    fair = may_win(record["branch"], record)
    return fair and record["categories"] == record["of"] and mean is not None and not math.isnan(mean)


def _cell(record: Record, best: dict[tuple[Any, ...], tuple[bool, float]], shown: set[Mark]) -> str | None:
    if record["mean"] is None:
        return None
    text = printed(record["mean"], "auroc")
    if record["std"] is not None:
        text += f" ± {printed(record['std'], 'points')}"
    text += interval_of(record, "mean", "auroc")
    if record["categories"] < record["of"]:
        text += f" ({record['categories']}/{record['of']} categories)"
    marks = value_marks(record)
    wins = _contends(record) and (BEST_ON_TEST not in marks, record["mean"]) == best[_column(record)]
    text = marked(text, (mark for mark in marks if mark in shown))
    return Best(text) if wins else text
