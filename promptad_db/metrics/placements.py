"""Placements summed by image: what the variance of an AUROC, and of any difference of two, is made of.

The placement of a positive is the share of all negatives below it, that of a negative the share of all positives above it,
ties one half (the structural components of DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988). Their mean over the
positives is the AUROC, and so is the mean over the negatives.

The placements of positives stand in the ranking; those of negatives need the positives above each of millions of scores. As
in `ranking` equal-width buckets spare most of that: a score in a bucket without positives has its placement from a table, and
only the others are compared with positives, most of them with the one of their bucket alone. All sums are integers, twice
the pairs won so that a tie is one, until one last division.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promptad_db.metrics.ranking import Buckets, Ranking, as_floats, as_truth, rank
from promptad_db.records import Placements

Sums = tuple[NDArray[np.int64], NDArray[np.int64]]


def placements(scores: ArrayLike, labels: ArrayLike, ranking: Ranking | None = None) -> Placements:
    """Return the placements of ``scores`` [N] or [N, ...] summed by image, the first axis.

    ``labels`` (bool or 0/1, 1 = anomalous) have the same shape; ``ranking`` is theirs where it is there already. Errors
    as in `rank`.
    """
    ranking = ranking or rank(scores, labels)
    values = as_floats(np.asarray(scores))
    values = values.reshape(len(values), -1)
    truth = as_truth(np.asarray(labels)).reshape(values.shape)
    n_pos = np.count_nonzero(truth, axis=1).astype(np.int64)
    won, lost_to = _searched(values, truth, ranking) if ranking.buckets is None else _looked_up(values, truth, ranking)
    return Placements(
        n_pos, truth.shape[1] - n_pos, pos_sum=won / (2 * ranking.n_neg), neg_sum=lost_to / (2 * ranking.n_pos)
    )


def _searched(values: NDArray[Any], truth: NDArray[np.bool], ranking: Ranking) -> Sums:
    """Return by image twice the negatives below its positives, and twice the positives above its negatives."""
    place = np.searchsorted(ranking.scores, values)
    won = np.where(truth, (ranking.below + ranking.up_to).take(place, mode="clip"), 0)
    return won.sum(axis=1), np.where(truth, 0, _above(values, place, ranking, _held(ranking))).sum(axis=1)


def _looked_up(values: NDArray[Any], truth: NDArray[np.bool], ranking: Ranking) -> Sums:
    """Return the same, for images of many pixels."""
    assert ranking.buckets is not None
    held, won_by = _held(ranking), ranking.below + ranking.up_to
    table = _table(ranking, ranking.buckets, held)
    won, lost_to = np.zeros((2, len(values)), np.int64)
    for image, (scores, anomalous) in enumerate(zip(values, truth, strict=True)):
        found = table.take(ranking.buckets.of(scores))
        shared = np.flatnonzero(found < 0)
        first = found.take(shared)
        near, positive = scores.take(shared), anomalous.take(shared)
        place = _place(near, -1 - first.astype(np.intp), ranking)
        above = _above(near, place, ranking, held)
        won[image] = won_by.take(place[positive]).sum()
        lost_to[image] = found.sum(dtype=np.int64) - first.sum(dtype=np.int64) + above[~positive].sum()
    return won, lost_to


def _table(ranking: Ranking, buckets: Buckets, held: NDArray[np.int64]) -> NDArray[Any]:
    """Return by bucket twice the positives in higher ones; where it has positives itself -1 - the first one's index."""
    of_positive = buckets.of(ranking.scores)
    # From the bucket of a positive on it is no longer above; the table stays that way up to the bucket of the next one.
    stretches = np.diff(np.concatenate(([0], of_positive, [buckets.count + 1])))
    table = np.repeat((2 * (ranking.n_pos - held)).astype(np.int32 if ranking.n_pos < 1 << 30 else np.int64), stretches)
    first = np.flatnonzero(np.diff(of_positive, prepend=-1))
    table[of_positive[first]] = -1 - first
    return table


def _place(scores: NDArray[Any], first: NDArray[np.intp], ranking: Ranking) -> NDArray[np.intp]:
    """Return the index of the lowest positive score not below each score, given that of the first in its bucket."""
    place = first + (ranking.scores.take(first) < scores)
    higher = np.flatnonzero(ranking.scores.take(place, mode="clip") < scores)
    place[higher] = np.searchsorted(ranking.scores, scores.take(higher))
    return place


def _above(
    scores: NDArray[Any], place: NDArray[np.intp], ranking: Ranking, held: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return twice the positives above each score, one for each that equals it."""
    equal = ranking.scores.take(place, mode="clip") == scores
    above: NDArray[np.int64] = 2 * ranking.n_pos - held.take(place) - held.take(place + equal)
    return above


def _held(ranking: Ranking) -> NDArray[np.int64]:
    """Return how many positives are below each distinct positive score, and how many there are."""
    return np.concatenate(([0], np.cumsum(ranking.hits)))
