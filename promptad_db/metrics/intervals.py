"""Variances, intervals and tests of AUROCs and of their differences and means, from placements summed by image.

An AUROC is a mean over the positives and, the same number, over the negatives. Every image i adds to it a component of its
positives, a_i = (pos_sum - n_pos AUROC) / positives in all, and likewise b_i of its negatives. Of whatever is linear in AUROCs
of the same images (a difference of branches, a mean over K and seeds) the components are the same sum, and its variance is

    I10 / (I10 - 1) sum a_i^2  +  I01 / (I01 - 1) sum b_i^2  +  2 I / (I - 1) sum a_i b_i

with I10, I01 and I images that hold positives, negatives, or either (Obuchowski, Biometrics 53, 1997; the images are the
clusters). Where every image is one score, a_i b_i is 0 and this is the variance of DeLong, DeLong and Clarke-Pearson
(Biometrics 44, 1988), for the cost of a ranking as in Sun and Xu (IEEE Signal Processing Letters 21, 2014).

At image level quantiles are normal, as DeLong's are. At pixel level few images carry the variance, those with the largest
defects, and the estimate of it is unsteady: there quantiles are Student's t, its degrees of freedom the number of images that
carry it, (sum a_i^2)^2 / sum a_i^4, combined over a_i and b_i as by Satterthwaite (Biometrics Bulletin 2, 1946). This number was
chosen by simulation (tests/test_intervals.py): normal quantiles cover 78 to 93 % there, these 91 to 96 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from promptad_db.records import Placements

LEVEL = 0.95
_FEWEST = 2  # images of a class: the spread of one is unknown
_ZERO = 1e-24  # what rounding leaves of a variance that is zero


@dataclass(frozen=True)
class Spread:
    """Sums over the images of one category: of a_i^2, b_i^2, a_i b_i, a_i^4 and b_i^4, and how many images hold positives,
    negatives, either.
    """

    positive: float
    negative: float
    mixed: float
    positive_fourth: float
    negative_fourth: float
    n_pos: int
    n_neg: int
    n: int


@dataclass(frozen=True)
class Uncertainty:
    """The sampling variance, over test images, of an AUROC or of something linear in AUROCs; ``freedom`` is infinite
    where the normal distribution holds.
    """

    variance: float
    freedom: float = math.inf

    def reach(self, level: float = LEVEL) -> float:
        """Half the width of the symmetric interval."""
        quantile = (1 + level) / 2
        if math.isinf(self.freedom):
            return NormalDist().inv_cdf(quantile) * math.sqrt(self.variance)
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, quantile)) * math.sqrt(self.variance)

    def p_value(self, difference: float) -> float:
        """Two-sided, of a difference of AUROCs."""
        z = abs(difference) / math.sqrt(self.variance)
        if math.isinf(self.freedom):
            return math.erfc(z / math.sqrt(2))
        from scipy.special import stdtr

        return float(2 * stdtr(self.freedom, -z))


def spread(*terms: tuple[float, Placements]) -> Spread:
    """The spread of a weighted sum of AUROCs of the same images: ``(1, a)`` for one, ``(-1, a), (1, b)`` for a difference.

    Each term must hold both classes.
    """
    parts = [(weight, *_components(placements)) for weight, placements in terms]
    positive = np.sum([weight * part for weight, part, _ in parts], axis=0)
    negative = np.sum([weight * part for weight, _, part in parts], axis=0)
    has_pos = np.any([placements.n_pos > 0 for _, placements in terms], axis=0)
    has_neg = np.any([placements.n_neg > 0 for _, placements in terms], axis=0)
    return Spread(
        positive=float(np.sum(positive**2)),
        negative=float(np.sum(negative**2)),
        mixed=float(np.sum(positive * negative)),
        positive_fourth=float(np.sum(positive**4)),
        negative_fourth=float(np.sum(negative**4)),
        n_pos=int(has_pos.sum()),
        n_neg=int(has_neg.sum()),
        n=int((has_pos | has_neg).sum()),
    )


def uncertainty(spreads: Iterable[Spread], *, clustered: bool) -> Uncertainty | None:
    """The uncertainty of a sum over categories, which share no images; ``clustered`` is the pixel level.

    None where a class has fewer than two images, or nothing varies, as with an AUROC of exactly 1.
    """
    variance = unsteady = 0.0
    for one in spreads:
        if min(one.n_pos, one.n_neg) < _FEWEST:
            return None
        of_positives = one.positive * one.n_pos / (one.n_pos - 1)
        of_negatives = one.negative * one.n_neg / (one.n_neg - 1)
        variance += of_positives + of_negatives + 2 * one.mixed * one.n / (one.n - 1)
        for squared, squares, fourth in (
            (of_positives, one.positive, one.positive_fourth),
            (of_negatives, one.negative, one.negative_fourth),
        ):
            unsteady += squared**2 * fourth / squares**2 if squares else 0.0
    if variance <= _ZERO:
        return None
    return Uncertainty(variance, max(1.0, variance**2 / unsteady) if clustered else math.inf)


def auroc_of(placements: Placements) -> float | None:
    """The AUROC, 0..1, to the rounding of the sums; None where a class is missing."""
    positives, negatives = int(placements.n_pos.sum()), int(placements.n_neg.sum())
    return float(placements.pos_sum.sum()) / positives if positives and negatives else None


def auroc_interval(
    auroc: float | None, found: Uncertainty | None, level: float = LEVEL
) -> tuple[float, float] | tuple[None, None]:
    """The interval of an AUROC or of a mean of AUROCs, symmetric on the logit scale and so within 0..1.

    As in Pepe, The Statistical Evaluation of Medical Tests for Classification and Prediction, 2003, chapter 5. None and None
    where there is no uncertainty, or the AUROC is exactly 0 or 1.
    """
    if auroc is None or found is None or not 0 < auroc < 1:
        return None, None
    centre = math.log(auroc / (1 - auroc))
    reach = found.reach(level) / (auroc * (1 - auroc))
    return _logistic(centre - reach), _logistic(centre + reach)


def difference_interval(
    difference: float | None, found: Uncertainty | None, level: float = LEVEL
) -> tuple[float, float] | tuple[None, None]:
    """The interval of a difference of AUROCs, within -1..1; None and None where there is no uncertainty."""
    if difference is None or found is None:
        return None, None
    reach = found.reach(level)
    return max(-1.0, difference - reach), min(1.0, difference + reach)


def interval_of(placements: Placements, level: float = LEVEL) -> tuple[float, float] | tuple[None, None]:
    """The interval of the AUROC of these placements; None and None where it is undefined."""
    auroc = auroc_of(placements)
    if auroc is None:
        return None, None
    return auroc_interval(auroc, uncertainty([spread((1.0, placements))], clustered=_clustered(placements)), level)


def paired_difference(one: Placements, other: Placements) -> tuple[float, Uncertainty] | None:
    """The difference ``other - one`` of two AUROCs of the same images, and its uncertainty.

    At image level its p value is that of DeLong's test. None where it cannot be tested: a class has fewer than two images,
    one AUROC is exactly 0 or 1, or both rank all images alike.
    """
    first, second = auroc_of(one), auroc_of(other)
    if first is None or second is None or not 0 < first < 1 or not 0 < second < 1:
        return None
    found = uncertainty([spread((-1.0, one), (1.0, other))], clustered=_clustered(one))
    return None if found is None else (second - first, found)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted for all tests of their family, in the same order (Holm, Scand. J. Statist. 6, 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for smaller, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - smaller) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _components(placements: Placements) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    positives, negatives = placements.n_pos.sum(), placements.n_neg.sum()
    auroc = placements.pos_sum.sum() / positives
    return (
        (placements.pos_sum - placements.n_pos * auroc) / positives,
        (placements.neg_sum - placements.n_neg * auroc) / negatives,
    )


def _clustered(placements: Placements) -> bool:
    return bool((placements.n_pos + placements.n_neg > 1).any())


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > 0 else math.exp(value) / (1 + math.exp(value))
