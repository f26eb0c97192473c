"""Which differences are more than sampling noise, and which hold over categories.

Within a cell two branches are tested on its test images (DeLong's test, clustered by image at pixel level), the p values of a
pair adjusted over its cells by Holm. Over categories, K and seeds averaged within each since they share their images, the
signs and sizes of the differences are tested by Wilcoxon's signed ranks, which needs AUROCs alone and so takes reported ones.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from itertools import groupby
from statistics import median
from typing import TYPE_CHECKING, Any

from promptad_db.db.engine import connect
from promptad_db.db.queries.contrasts import contrasts
from promptad_db.db.queries.selection import DECIMALS, list_rows, select
from promptad_db.result_set import ResultSet, Section
from promptad_db.stats.student import signed_ranks
from promptad_db.stats.uncertainty import holm

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import sqlalchemy as sa

    from promptad_db.db.engine.connect import Where
    from promptad_db.db.queries.contrasts import Contrast
    from promptad_db.db.queries.selection import Filters

ALPHA = 0.05
TITLE = (
    "Branch against branch: cells where the difference is more than sampling noise (p < 0.05 after Holm), and "
    "Wilcoxon's signed ranks over categories; a win is of the first."
)
_COLUMNS = (
    "task", "branch", "against", "cells", "tested", "wins", "ties", "losses", "untested_because", "categories",
    "median_difference", "effect_size", "p_value",
)  # fmt: skip
_KINDS = {
    **dict.fromkeys(("wins", "ties", "losses"), "share_of:tested"),
    "tested": "share_of:cells",
    "median_difference": "gap",
    "effect_size": "ratio",
    "p_value": "p",
}
_FEWEST_TO_RANK = 2
_WITHOUT_SCORES = "without scores"


class _Cells:
    """What is kept of the contrasts of a pair: a few numbers a cell."""

    def __init__(self) -> None:
        self.untested: Counter[str] = Counter()
        self.p_values = array("d")
        self.gains = array("b")  # whether the difference is positive

    def add(self, contrast: Contrast) -> None:
        """Test one more cell, or note why it cannot be tested."""
        reason = _untested(contrast)
        p_value = None if reason else contrast.p_value()
        if p_value is None:
            self.untested[reason] += 1
        else:
            self.p_values.append(p_value)
            self.gains.append(contrast.value > 0)

    def outcome(self, count: int) -> tuple[Any, ...]:
        """How many cells there are, ``count``, how many were tested, and with what outcome; and why the others were not."""
        tested = len(self.p_values)
        significant = [gain for gain, adjusted in zip(self.gains, holm(self.p_values), strict=True) if adjusted < ALPHA]
        wins = sum(significant)
        without_scores = count - tested - self.untested.total()
        reasons = sorted((+(self.untested + Counter({_WITHOUT_SCORES: without_scores}))).items())
        because = ", ".join(f"{cells} {reason}" for reason, cells in reasons)
        return count, tested, wins, tested - len(significant), len(significant) - wins, because or None


def significance_section(connection: sa.Connection, filters: Filters) -> Section:
    """The section *significance* of a selection: a row a task and pair, semantic and memory first."""
    cells: dict[tuple[str, ...], _Cells] = defaultdict(_Cells)
    for (task, branch, against, *_), contrast in contrasts(connection, "tests", filters):
        cells[task, branch, against].add(contrast)
    rows = []
    differences = list_rows(connection, "category_differences", filters).records()
    for pair, group in groupby(differences, key=lambda row: (row["task"], row["branch"], row["against"])):
        found = list(group)
        values = [row["difference"] for row in found]
        count = sum(row["cells"] for row in found)
        rows.append((*pair, *cells[pair].outcome(count), len(values), *_over_categories(values)))
    return Section("significance", TITLE, ResultSet(_COLUMNS, rows, _KINDS))


def critical_difference(database: Where, filters: Filters) -> ResultSet:
    """How branches, fusions and variants rank over categories, best first: what a critical-difference diagram draws.

    A row a task and contender: its mean rank over ``categories`` (1 is best), the ``critical_difference`` of mean ranks that
    Nemenyi's test at 0.05 asks for, Friedman's ``p_value`` for all of the task, and in ``not_distinguishable`` the others
    nearer than that, with commas between them. K and seeds are averaged within a category first; contenders that lack a
    cell of the others are left out, as are oracles (Demsar, Journal of Machine Learning Research 7, 2006).
    """
    with connect.reading(database) as connection:
        filters, _ = select(connection, filters, each_variant=True)
        rows = list_rows(connection, "contenders", filters).records()
    ranked = [row for task, found in groupby(rows, key=lambda row: row["task"]) for row in _ranked(task, list(found))]
    columns = ("task", "contender", "mean_rank", "categories", "critical_difference", "p_value", "not_distinguishable")
    kinds = {"mean_rank": "ratio", "critical_difference": "ratio", "p_value": "p"}
    return ResultSet(columns, ranked, kinds)


def _untested(contrast: Contrast) -> str:
    """Why the difference in a cell cannot be tested; empty when it can."""
    if contrast.extremes:
        return "with an AUROC of exactly 0 or 1"
    if not contrast.paired:
        return "of other test images"
    return "" if contrast.found else "ranked alike or with one image of a class"


def _over_categories(values: Sequence[float]) -> tuple[float | None, ...]:
    """The median difference, the effect size and p."""
    found = (median(values), *signed_ranks(values))
    return tuple(None if value is None else round(value, DECIMALS) for value in found)


def _ranked(task: str, rows: list[dict[str, Any]]) -> Iterable[tuple[Any, ...]]:
    """The rows of one task; none where fewer than two contenders share fewer than two categories."""
    aurocs = _complete(rows)
    blocks = len(next(iter(aurocs.values()), ()))
    if min(len(aurocs), blocks) < _FEWEST_TO_RANK:
        return []
    from scipy.stats import friedmanchisquare, rankdata, studentized_range

    names, count = list(aurocs), len(aurocs)
    ranks = rankdata([[-round(value, DECIMALS) for value in aurocs[name]] for name in names], axis=0).mean(axis=1)
    quantile = float(studentized_range.ppf(1 - ALPHA, count, math.inf)) / math.sqrt(2)
    critical = round(quantile * math.sqrt(count * (count + 1) / (6 * blocks)), DECIMALS)
    p_value = round(float(friedmanchisquare(*aurocs.values()).pvalue), DECIMALS) if count > _FEWEST_TO_RANK else None
    means = {name: round(float(rank), DECIMALS) for name, rank in zip(names, ranks, strict=True)}
    made = []
    for name, rank in sorted(means.items(), key=lambda item: (item[1], item[0])):
        near = ", ".join(other for other in means if other != name and abs(means[other] - rank) < critical)
        made.append((task, name, rank, blocks, critical, p_value, near or None))
    return made


def _complete(rows: list[dict[str, Any]]) -> Mapping[str, list[float]]:
    """The AUROCs of each contender by category, of those that have every cell that any of them has."""
    several = len({row["variant"] for row in rows}) > 1
    found: dict[str, dict[tuple[str, str], tuple[int, float]]] = defaultdict(dict)
    for row in rows:
        name = f"{row['variant']}: {row['branch']}" if several else row["branch"]
        found[name][row["dataset"], row["category"]] = row["cells"], row["auroc"]
    cells = {name: {place: count for place, (count, _) in by_place.items()} for name, by_place in found.items()}
    most = max(cells.values(), key=lambda counts: sum(counts.values()))
    return {name: [by_place[place][1] for place in most] for name, by_place in found.items() if cells[name] == most}
