"""How uncertain test images leave a weighted sum of AUROCs: DeLong's variance, images as clusters at pixel level (Obuchowski).

Of every AUROC each image adds a component for its positives and one for its negatives. Cells of one category share their
images, so components of an image, known by its name, are added up before they are squared; categories are independent.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from independent.cells import OVER_SEEDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from independent.logged import Logged

_NOTHING = 1e-24  # of a variance, what rounding leaves
Term = tuple[float, str, str, str, str, str, float]  # weight, task, dataset, category, run, branch, AUROC


@dataclass(frozen=True)
class Spread:
    """A weighted sum of AUROCs: its ``value``, and its ``variance`` with the ``freedom`` of it, None where that is unknown.
    ``extreme``: how many AUROCs are 0 or 1. ``paired``: all are of the same images.
    """

    value: float
    variance: float | None
    freedom: float
    extreme: int
    paired: bool

    def interval(self, *, difference: bool) -> tuple[float | None, float | None]:
        """The 95 % interval, of an AUROC on the logit scale."""
        if self.variance is None or not (difference or 0 < self.value < 1):
            return None, None
        reach = stats.t.ppf(0.975, self.freedom) * math.sqrt(self.variance)
        if difference:
            return max(-1.0, self.value - reach), min(1.0, self.value + reach)
        ends = np.log(self.value / (1 - self.value)) + np.array([-1, 1]) * reach / (self.value * (1 - self.value))
        low, high = 1 / (1 + np.exp(-ends))
        return float(low), float(high)

    def p_value(self) -> float | None:
        """Two-sided, of a difference."""
        if self.variance is None:
            return None
        return float(2 * stats.t.sf(abs(self.value) / math.sqrt(self.variance), self.freedom))


def spread(logged: Logged, terms: Sequence[Term], *, difference: bool) -> Spread | None:
    """The spread of a sum of terms; None where one of them is not the AUROC of scores."""
    places: dict[tuple[str, str, str], list[Term]] = defaultdict(list)
    for term in terms:
        scores = logged.scored.get((term[4], term[3], term[5]))
        if scores is None or not 0 < scores.labels.mean() < 1 or abs(scores.components[0] - term[6]) >= 1e-9:
            return None
        places[term[1:4]].append(term)
    if not terms:
        return None
    extreme = sum(term[6] in (0, 1) for term in terms)
    variance, unsteady, known, paired = 0.0, 0.0, True, len(places) == 1
    for of_place in places.values():
        images = _by_image(logged, of_place)
        paired = paired and bool((images[:, 4] == len(terms)).all())
        part, shaky = _variance(images, difference=difference)
        known = known and part is not None
        variance, unsteady = variance + (part or 0.0), unsteady + shaky
    value = sum(term[0] * term[6] for term in terms)
    if not known or variance <= _NOTHING or (extreme and len(terms) <= 2):
        return Spread(value, None, math.inf, extreme, paired)
    clustered = any(term[1] == "seg" for term in terms)
    freedom = max(1.0, variance**2 / unsteady) if clustered else math.inf
    return Spread(value, variance, freedom, extreme, paired)


def _by_image(logged: Logged, terms: Iterable[Term]) -> np.ndarray:
    """A row an image: components by positives and by negatives, whether it holds either, in how many AUROCs it is."""
    rows: dict[str, np.ndarray] = defaultdict(lambda: np.zeros(5))
    for weight, _, _, category, run_id, branch, _ in terms:
        scores = logged.scored[run_id, category, branch]
        _, a, b = scores.components
        holds = scores.labels.any(axis=1), (~scores.labels).any(axis=1)
        for image, *found in zip(scores.images, weight * a, weight * b, *holds, strict=True):
            row = rows[image]
            row[:2] += found[:2]
            row[2:4] = np.maximum(row[2:4], found[2:])
            row[4] += 1
    return np.array(list(rows.values()))


def _variance(images: np.ndarray, *, difference: bool) -> tuple[float | None, float]:
    """The variance that one category adds, None where a class has one image, and Satterthwaite's sum for its freedom."""
    n_pos, n_neg, n = images[:, 2].sum(), images[:, 3].sum(), len(images)
    if min(n_pos, n_neg) < 2:
        return None, 0.0
    variance = 2 * float(images[:, 0] @ images[:, 1]) * n / (n - 1)
    unsteady = 0.0
    for column, count in ((0, n_pos), (1, n_neg)):
        squares = images[:, column] ** 2
        part = squares.sum() * count / (count - 1)
        variance += part
        if squares.sum():
            effective = squares.sum() ** 2 / (squares**2).sum()
            unsteady += part**2 / (count - 1 if difference else effective)
    return variance, unsteady


def terms_of(
    cells: pd.DataFrame, branch: Any, side: str = "", sign: int = 1, over: Sequence[str] = OVER_SEEDS
) -> list[Term]:
    """The terms of a mean over cells, seeds averaged first: those of one branch, whose run and value are in the columns with
    the ending ``side``; ``branch`` is its name, or a column of names.
    """
    keys = list(zip(*(cells[name].tolist() for name in over), strict=True))
    seeds = Counter(keys)
    names = [branch] * len(cells) if isinstance(branch, str) else list(branch)
    columns = [cells[name].tolist() for name in ("task", "dataset", "category", f"run_id{side}")]
    values = cells[f"value{side}"].tolist()
    rows = zip(keys, *columns, names, values, strict=True)
    return [(sign / seeds[key] / len(seeds), *rest) for key, *rest in rows]


def less(terms: Sequence[Term]) -> list[Term]:
    """The same terms, taken away."""
    return [(-term[0], *term[1:]) for term in terms]


def bounds(logged: Logged, terms: Sequence[Term], column: str, *, difference: bool = False) -> dict[str, float | None]:
    """The two columns of an interval."""
    found = spread(logged, terms, difference=difference)
    low, high = (None, None) if found is None else found.interval(difference=difference)
    return {f"{column}_ci_low": low, f"{column}_ci_high": high}


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted for all of a family: the k-th smallest times those from it on, and never below a smaller one."""
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    adjusted = np.minimum(1, np.maximum.accumulate(np.array(p_values)[order] * factors)) if len(p_values) else []
    back = np.empty(len(p_values))
    back[order] = adjusted
    return list(back)
