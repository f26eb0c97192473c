"""The table of a paper: long rows become one column a dataset and K, the best result of each column bold."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from promptad_db.result_set import ResultSet, Section
from promptad_db.tables.bounds import interval_of
from promptad_db.tables.grid import printed
from promptad_db.tables.values import Best

if TYPE_CHECKING:
    from collections.abc import Sequence

_LABELS = ("task", "experiment", "method", "variant", "branch")
_NEEDED = {*_LABELS, "dataset", "k_shot", "mean", "std"}
_UPPER_BOUND = "oracle"  # it chooses with the label's help; oracle_minmax and its like do so after a calibration
_REPORTED_ORACLE = "reported_oracle"

Record = dict[str, Any]
Setting = tuple[Any, Any]  # dataset, K


def pivot_paper(section: Section) -> Section:
    """The long section ``paper`` (mean and std in 0..1, one row a cell of the table) made wide, its values as text.

    A row is one (task, experiment, method, variant, branch); of these columns only those that differ are shown, and
    the branch. The best mean of a column within a task is a Best, decided on the stored doubles; oracles never
    are, nor a mean over fewer categories than another of its column, which says so. A section that is not long is given back as it is.
    """
    if not set(section.result.columns) >= _NEEDED:
        return section
    records = [*map(dict, section.result.records())]
    _count_categories(records)
    shown = [label for label in _LABELS if label == "branch" or len({record[label] for record in records}) > 1]
    settings = sorted({_setting(record) for record in records}, key=lambda pair: (str(pair[0]), pair[1] or 0))
    best = _best_means(records)
    cells: dict[tuple[Any, ...], dict[Setting, str | None]] = {}
    for record in records:
        cells.setdefault(tuple(record[label] for label in _LABELS), {})[_setting(record)] = _cell(record, best)
    rows = [(*_row_labels(labels, shown), *(row.get(setting) for setting in settings)) for labels, row in cells.items()]
    wide = [f"{dataset} K={k_shot}" for dataset, k_shot in settings]
    return Section(section.name, section.title, ResultSet((*shown, *wide), rows, dict.fromkeys(wide, "auroc")))


def mark_upper_bounds(section: Section, column: str) -> Section:
    """The section with " (upper bound)" behind the oracles in a column of branches or rules."""
    result = section.result
    rows = [
        tuple(_marked(value) if name == column else value for name, value in zip(result.columns, row, strict=True))
        for row in result.rows
    ]
    return Section(section.name, section.title, ResultSet(result.columns, rows, result.kinds, result.cut))


def _marked(branch: Any) -> Any:
    return f"{branch} (upper bound)" if _is_upper_bound(branch) else branch


def _is_upper_bound(branch: Any) -> bool:
    return isinstance(branch, str) and branch.split("_")[0] == _UPPER_BOUND


def _row_labels(labels: tuple[Any, ...], shown: Sequence[str]) -> list[Any]:
    named = dict(zip(_LABELS, labels, strict=True))
    named["branch"] = _marked(named["branch"])
    return [named[label] for label in shown]


def _count_categories(records: Sequence[Record]) -> None:
    """Note in each record over how many ``categories`` its mean is, and ``of`` how many the fullest of its column is."""
    most: dict[tuple[Any, ...], int] = {}
    for record in records:
        record["categories"] = round((record.get("cells") or 0) / (record.get("seeds") or 1))
        column = (record["task"], *_setting(record))
        most[column] = max(record["categories"], most.get(column, 0))
    for record in records:
        record["of"] = most[record["task"], *_setting(record)]


def _setting(record: Record) -> Setting:
    return record["dataset"], record["k_shot"]


def _best_means(records: Sequence[Record]) -> dict[tuple[Any, ...], float]:
    best: dict[tuple[Any, ...], float] = {}
    for record in records:
        if _may_win(record):
            column = (record["task"], *_setting(record))
            best[column] = max(record["mean"], best.get(column, -math.inf))
    return best


def _may_win(record: Record) -> bool:
    mean = record["mean"]
    bound = _is_upper_bound(record["branch"]) or record["branch"] == _REPORTED_ORACLE
    return not bound and record["categories"] == record["of"] and mean is not None and not math.isnan(mean)


def _cell(record: Record, best: dict[tuple[Any, ...], float]) -> str | None:
    if record["mean"] is None:
        return None
    text = printed(record["mean"], "auroc")
    if record["std"] is not None:
        text += f" ± {printed(record['std'], 'points')}"
    text += interval_of(record, "mean", "auroc")
    if record["categories"] < record["of"]:
        text += f" ({record['categories']}/{record['of']} categories)"
    wins = _may_win(record) and record["mean"] == best[record["task"], *_setting(record)]
    return Best(text) if wins else text
