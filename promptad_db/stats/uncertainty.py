"""How uncertain the sampling of test images leaves an AUROC or a difference, in plain Python: reports must start quickly.

What one category adds is known by sums over its images (`Spread`). With a_i and b_i for what image i adds to a number by its
positives and by its negatives (see metrics/intervals), the variance of the number is

    I10 / (I10 - 1) sum a_i^2  +  I01 / (I01 - 1) sum b_i^2  +  2 I / (I - 1) sum a_i b_i

with I10, I01 and I images that hold positives, negatives, or either (Obuchowski, Biometrics 53, 1997; the images are the
clusters). Where every image is one score, a_i b_i is 0 and this is the variance of DeLong, DeLong and Clarke-Pearson
(Biometrics 44, 1988), who use normal quantiles, as is done here at image level.

At pixel level few images carry the variance, and quantiles are Student's t. For differences its degrees of freedom are those
of both sums, I10 - 1 and I01 - 1, combined as by Satterthwaite (Biometrics Bulletin 2, 1946). An AUROC near 1 is skewed, and
its variance is underestimated just where the AUROC came out too high: there each sum counts with the number of images that
effectively carry it, (sum a_i^2)^2 / sum a_i^4. This was chosen by simulation (tests/test_intervals.py), where normal
quantiles cover 76 to 96 % and these 93 to 97 %.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from promptad_db.stats.student import student_quantile, student_two_sided

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LEVEL = 0.95
_FEWEST = 2  # images of a class: the spread of one is unknown
_ZERO = 1e-24  # what rounding leaves of a variance that is zero

Interval = tuple[float, float] | tuple[None, None]


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
    """The variance over samples of test images; ``freedom`` is infinite where the normal distribution holds."""

    variance: float
    freedom: float = math.inf

    def reach(self, level: float = LEVEL) -> float:
        """Half the width of the symmetric interval."""
        quantile = (1 + level) / 2
        normal = math.isinf(self.freedom)
        times = NormalDist().inv_cdf(quantile) if normal else student_quantile(quantile, self.freedom)
        return times * math.sqrt(self.variance)

    def p_value(self, difference: float) -> float:
        """Two-sided, of a difference of AUROCs: at image level that of DeLong's test."""
        z = abs(difference) / math.sqrt(self.variance)
        return math.erfc(z / math.sqrt(2)) if math.isinf(self.freedom) else student_two_sided(z, self.freedom)


def uncertainty(spreads: Iterable[Spread], *, clustered: bool, difference: bool) -> Uncertainty | None:
    """The uncertainty of a sum over categories, which share no images; ``clustered`` is the pixel level.

    None where a class has fewer than two images, or nothing varies, as with an AUROC of exactly 1.
    """
    variance = unsteady = 0.0
    for one in spreads:
        if min(one.n_pos, one.n_neg) < _FEWEST:
            return None
        variance += 2 * one.mixed * one.n / (one.n - 1)
        for squares, fourth, images in (
            (one.positive, one.positive_fourth, one.n_pos),
            (one.negative, one.negative_fourth, one.n_neg),
        ):
            part = squares * images / (images - 1)
            variance += part
            if squares:
                unsteady += part**2 / (images - 1) if difference else part**2 * fourth / squares**2
    if variance <= _ZERO:
        return None
    return Uncertainty(variance, max(1.0, variance**2 / unsteady) if clustered else math.inf)


def auroc_interval(auroc: float | None, sampling: Uncertainty | None, level: float = LEVEL) -> Interval:
    """The interval of an AUROC or of a mean of AUROCs, symmetric on the logit scale and so within 0..1.

    As in Pepe, The Statistical Evaluation of Medical Tests for Classification and Prediction, 2003, chapter 5. None and None
    where there is no uncertainty, or the AUROC is exactly 0 or 1.
    """
    if auroc is None or sampling is None or not 0 < auroc < 1:
        return None, None
    centre = math.log(auroc / (1 - auroc))
    reach = sampling.reach(level) / (auroc * (1 - auroc))
    return _logistic(centre - reach), _logistic(centre + reach)


def difference_interval(difference: float | None, sampling: Uncertainty | None, level: float = LEVEL) -> Interval:
    """The interval of a difference of AUROCs, within -1..1; None and None where there is no uncertainty."""
    if difference is None or sampling is None:
        return None, None
    reach = sampling.reach(level)
    return max(-1.0, difference - reach), min(1.0, difference + reach)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values adjusted for all tests of their family, in the same order (Holm, Scand. J. Statist. 6, 1979)."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for smaller, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - smaller) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def _logistic(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > 0 else math.exp(value) / (1 + math.exp(value))
