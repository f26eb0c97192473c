"""Student's t and Wilcoxon's signed ranks in plain Python: to import scipy would double the time of a report."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_EXACT = 50  # differences; above, the normal approximation is good to 0.001
_DIGITS = 12
_STEPS = 500
_TINY = 1e-300
_EXACT = 1e-15


def student_two_sided(t: float, freedom: float) -> float:
    """How often the size of T is ``t`` or more, for Student's t with ``freedom`` degrees of freedom, 0..1."""
    whole = freedom + t * t
    return _incomplete_beta(freedom / 2, 0.5, freedom / whole, t * t / whole)


def student_quantile(share: float, freedom: float) -> float:
    """The value that a ``share`` above one half of Student's t stays below; found by bisection."""
    low, high = 0.0, 1.0
    while student_two_sided(high, freedom) > 2 * (1 - share):
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        if student_two_sided(middle, freedom) > 2 * (1 - share):
            low = middle
        else:
            high = middle
    return (low + high) / 2


def signed_ranks(differences: Sequence[float]) -> tuple[float | None, float | None]:
    """Effect size and two-sided p of Wilcoxon's signed-rank test; differences of zero are left out.

    The effect size is the matched-pairs rank-biserial correlation, -1..1: the share of the ranks that speak for, less that
    of those that speak against (Kerby, Comprehensive Psychology 3, 2014). p is exact up to 50 differences, ties included,
    then by the normal approximation. None and None for fewer than two differences.
    """
    # Equal differences may come as sums whose last digits differ.
    values = sorted(filter(None, (round(value, _DIGITS) for value in differences)), key=abs)
    count = len(values)
    if count < 2:  # noqa: PLR2004
        return None, None
    ranks: list[int] = []  # twice the ranks, so that tied ones are whole numbers
    for _, tied in groupby(values, key=abs):
        size = sum(1 for _ in tied)
        ranks += [2 * len(ranks) + size + 1] * size
    positive = sum(rank for rank, value in zip(ranks, values, strict=True) if value > 0)
    total = sum(ranks)
    smaller = min(positive, total - positive)
    if count <= _MOST_EXACT:
        p_value = min(1.0, 2 * sum(_rank_sums(ranks)[: smaller + 1]) / 2**count)
    else:
        p_value = math.erfc((total / 2 - smaller) / math.sqrt(sum(rank * rank for rank in ranks) / 2))
    return (2 * positive - total) / total, p_value


def _rank_sums(ranks: Sequence[int]) -> list[int]:
    """How many of all choices of signs give each sum of positive ranks."""
    ways = [1]
    for rank in ranks:
        ways = [one + other for one, other in zip(ways + [0] * rank, [0] * rank + ways, strict=True)]
    return ways


def _incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """The regularised incomplete beta function, by its continued fraction (DLMF 8.17.22); ``rest`` is 1 - x.

    It is given for itself, since near 1 the rounding of x would lose it.
    """
    if x <= 0 or rest <= 0:
        return float(rest <= 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, rest, x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    # Lentz's method (Applied Optics 15, 1976), as modified by Thompson and Barnett.
    value, upper, lower = 1.0, 1.0, 0.0
    for step in range(_STEPS):
        half = step // 2
        if step == 0:
            factor = 1.0
        elif step % 2:
            factor = -(a + half) * (a + b + half) * x / ((a + 2 * half) * (a + 2 * half + 1))
        else:
            factor = half * (b - half) * x / ((a + 2 * half - 1) * (a + 2 * half))
        lower = 1 / ((1 + factor * lower) or _TINY)
        upper = (1 + factor / upper) or _TINY
        change = upper * lower
        value *= change
        if abs(change - 1) < _EXACT:
            break
    return front * (value - 1)
