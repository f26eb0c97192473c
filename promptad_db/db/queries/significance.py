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
from promptad_db.db.queries.kind_columns import kind_values, kinds_of
from promptad_db.db.queries.selection import DECIMALS, list_rows, select
from promptad_db.marks import KIND_COLUMNS
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
    "median_difference", "effect_size", "p_value", *KIND_COLUMNS,
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
    kinds = kinds_of(connection)
    differences = list_rows(connection, "category_differences", filters).records()
    for pair, group in groupby(differences, key=lambda row: (row["task"], row["branch"], row["against"])):
        categories = list(group)
        values = [row["difference"] for row in categories]
        count = sum(row["cells"] for row in categories)
        outcome = cells[pair].outcome(count)
        rows.append((*pair, *outcome, len(values), *_over_categories(values), *kind_values(kinds, pair[1])))
    return Section("significance", TITLE, ResultSet(_COLUMNS, rows, _KINDS))


def category_tests(database: Where, filters: Filters) -> list[dict[str, Any]]:
    """Whether the two branches of the filters differ over categories, a row a task as in the section *significance*.

    Each has ``task``, ``branch`` and ``against``, ``categories``, ``median_difference``, ``effect_size`` and ``p_value``, None
    where fewer than two categories differ. Estimates are not tested.
    """
    if filters.provenance == "approx":
        return []
    against, branch = filters.branches
    with connect.reading(database) as connection:
        filters, _ = select(connection, filters)
        rows = list_rows(connection, "category_differences", filters).records()
    by_task: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if (row["branch"], row["against"]) == (branch, against):
            by_task[row["task"]].append(row["difference"])
    names = ("task", "branch", "against", "categories", "median_difference", "effect_size", "p_value")
    return [
        dict(zip(names, (task, branch, against, len(values), *_over_categories(values)), strict=True))
        for task, values in by_task.items()
    ]


def critical_difference(database: Where, filters: Filters) -> ResultSet:
    """How branches, fusions and variants of a method rank over categories, best first: a critical-difference diagram.

    A row a task, method and contender: its mean rank over ``categories`` (1 is best), the ``critical_difference`` of mean ranks
    that Nemenyi's test at 0.05 asks for, Friedman's ``p_value`` for all of the task and method (None for two contenders, and
    where all tie), and in ``not_distinguishable`` the others nearer than that, with commas between them. K and seeds are
    averaged within a category first, to 12 decimals. Contenders are compared over the same cells: those that do not have just
    the cells of the one with most are left out, as are upper bounds (Demsar, Journal of Machine Learning Research 7, 2006).
    """
    with connect.reading(database) as connection:
        filters, _ = select(connection, filters, each_variant=True)
        rows = list_rows(connection, "contenders", filters).records()
        kinds = kinds_of(connection)
    ranked = [
        (*group, *row)
        for group, contenders in groupby(rows, key=lambda row: (row["task"], row["method"]))
        for row in _ranked(list(contenders), kinds)
    ]
    columns = (
        "task", "method", "contender", "mean_rank", "categories", "critical_difference", "p_value", "not_distinguishable",
        *KIND_COLUMNS,
    )  # fmt: skip
    return ResultSet(columns, ranked, {"mean_rank": "ratio", "critical_difference": "ratio", "p_value": "p"})


def _untested(contrast: Contrast) -> str:
    """Why the difference in a cell cannot be tested; empty when it can."""
    if contrast.extremes:
        return "with an AUROC of exactly 0 or 1"
    if not contrast.paired:
        return "of other test images"
    return "" if contrast.found else "ranked alike or with one image of a class"


def _over_categories(values: Sequence[float]) -> tuple[float | None, ...]:
    """The median difference, the effect size and p."""
    effect_size, p_value = signed_ranks(values)
    return _rounded(median(values)), None if effect_size is None else _rounded(effect_size), p_value


def _rounded(value: float) -> float:
    """Without the last digits, which depend on the order in which a database adds; a zero has no sign."""
    return round(value, DECIMALS) + 0.0


def _ranked(rows: list[dict[str, Any]], kinds: Mapping[str, Mapping[str, Any]]) -> Iterable[tuple[Any, ...]]:
    """The rows of one task and method; none where fewer than two contenders share fewer than two categories."""
    aurocs = _complete(rows)
    blocks = len(next(iter(aurocs.values()), ()))
    if min(len(aurocs), blocks) < _FEWEST_TO_RANK:
        return
    from scipy.stats import rankdata, studentized_range

    contenders, count = list(aurocs), len(aurocs)
    ranks = rankdata([[-value for value in values] for values in aurocs.values()], axis=0).mean(axis=1)
    quantile = float(studentized_range.ppf(1 - ALPHA, count, math.inf)) / math.sqrt(2)
    critical = _rounded(quantile * math.sqrt(count * (count + 1) / (6 * blocks)))
    p_value = _friedman(list(aurocs.values()))
    means = {contender: _rounded(float(rank)) for contender, rank in zip(contenders, ranks, strict=True)}
    several = len({variant for variant, _ in contenders}) > 1
    names = {one: f"{one[0]}: {one[1]}" if several else one[1] for one in contenders}
    for contender, rank in sorted(means.items(), key=lambda item: (item[1], names[item[0]])):
        near = [names[other] for other in means if other != contender and abs(means[other] - rank) < critical]
        named = names[contender], rank, blocks, critical, p_value, ", ".join(near) or None
        yield *named, *kind_values(kinds, contender[1])


def _friedman(aurocs: list[list[float]]) -> float | None:
    """Friedman's p; None for fewer than three contenders, and where all of them tie in every category."""
    if len(aurocs) <= _FEWEST_TO_RANK or all(values == aurocs[0] for values in aurocs):
        return None
    from scipy.stats import friedmanchisquare

    return float(friedmanchisquare(*aurocs).pvalue)


def _complete(rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[float]]:
    """The AUROCs of each contender, a variant and branch, by category: of those with the largest set of cells.

    Where several sets are as large, it is the one that most contenders have.
    """
    aurocs: dict[tuple[str, str], list[float]] = defaultdict(list)
    cells: dict[tuple[str, str], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        contender = row["variant"], row["branch"]
        aurocs[contender].append(_rounded(row["auroc"]))
        cells[contender].append((row["dataset"], row["category"], tuple(row["cells"].split())))
    shared_by = Counter(map(tuple, cells.values()))
    most = max(shared_by, key=lambda shared: (sum(len(one[-1]) for one in shared), shared_by[shared]))
    return {contender: values for contender, values in aurocs.items() if tuple(cells[contender]) == most}
