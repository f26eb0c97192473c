"""From placements summed by image to the uncertainty of an AUROC, a difference or a mean of AUROCs of the same images.

An AUROC is a mean over the positives and, the same number, over the negatives. Every image i adds to it a_i =
(pos_sum - n_pos AUROC) / positives in all, and likewise b_i of its negatives; of whatever is linear in AUROCs of the same
images these components are the same sum. With the fast ranking this is DeLong's variance in O(n log n), as in Sun and Xu (IEEE
Signal Processing Letters 21, 2014). See `uncertainty` for what becomes of the sums.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from promptad_db.stats.uncertainty import LEVEL, Interval, Spread, Uncertainty, auroc_interval, uncertainty

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from promptad_db.records import Placements


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


def auroc_of(placements: Placements) -> float | None:
    """The AUROC, 0..1, to the rounding of the sums; None where a class is missing."""
    positives, negatives = int(placements.n_pos.sum()), int(placements.n_neg.sum())
    return float(placements.pos_sum.sum()) / positives if positives and negatives else None


def interval_of(placements: Placements, level: float = LEVEL) -> Interval:
    """The interval of the AUROC of these placements; None and None where it is undefined."""
    auroc = auroc_of(placements)
    if auroc is None:
        return None, None
    found = uncertainty([spread((1.0, placements))], clustered=_clustered(placements), difference=False)
    return auroc_interval(auroc, found, level)


def paired_difference(one: Placements, other: Placements) -> tuple[float, Uncertainty] | None:
    """The difference ``other - one`` of two AUROCs of the same images, and its uncertainty.

    None where it cannot be tested: a class has fewer than two images, one AUROC is exactly 0 or 1, or both rank all images
    alike.
    """
    first, second = auroc_of(one), auroc_of(other)
    if first is None or second is None or not 0 < first < 1 or not 0 < second < 1:
        return None
    found = uncertainty([spread((-1.0, one), (1.0, other))], clustered=_clustered(one), difference=True)
    return None if found is None else (second - first, found)


def _components(placements: Placements) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    positives, negatives = placements.n_pos.sum(), placements.n_neg.sum()
    auroc = placements.pos_sum.sum() / positives
    return (
        (placements.pos_sum - placements.n_pos * auroc) / positives,
        (placements.neg_sum - placements.n_neg * auroc) / negatives,
    )


def _clustered(placements: Placements) -> bool:
    return bool((placements.n_pos + placements.n_neg > 1).any())
