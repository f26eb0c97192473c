"""Placements summed by image: what the variance of an AUROC, and of any difference of two, is made of.

The placement of a positive is the share of all negatives below it, that of a negative the share of all positives above it,
ties one half (the structural components of DeLong, DeLong and Clarke-Pearson, Biometrics 44, 1988). Their mean over the
positives is the AUROC, and so is the mean over the negatives.

The placements of positives stand in the ranking; those of negatives need the positives above each of millions of scores,
which `rank` adds up in its pass. All sums are integers, twice the pairs won or lost so that a tie is one, until one last
division.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promptad_db.metrics.lost_pairs import LostPairs
from promptad_db.metrics.ranking import PIECE, Ranking, as_truth, rank
from promptad_db.precision import as_array, as_floats
from promptad_db.records import Placements


def placements(scores: ArrayLike, labels: ArrayLike, ranking: Ranking | None = None) -> Placements:
    """Return the placements of ``scores`` [N] or [N, ...] summed by image, the first axis.

    ``labels`` (bool or 0/1, 1 = anomalous) have the same shape; ``ranking`` is theirs where it is there already, best one
    ``by_image``. Errors as in `rank`.
    """
    ranking = ranking or rank(scores, labels, by_image=True)
    values, truth = as_array(scores, "scores"), as_truth(as_array(labels, "labels"))
    truth = truth.reshape(len(truth), -1)
    n_pos = np.count_nonzero(truth, axis=1).astype(np.int64)
    lost = (
        _lost(as_floats(values, "scores").reshape(truth.shape), truth, ranking)
        if ranking.lost is None
        else ranking.lost
    )
    return Placements(
        n_pos,
        truth.shape[1] - n_pos,
        pos_sum=_won(ranking, n_pos) / (2 * ranking.n_neg),
        neg_sum=lost / (2 * ranking.n_pos),
    )


def _won(ranking: Ranking, n_pos: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return by image, which holds so many positives, twice the negatives below them and one for each that equals one."""
    won = np.empty(ranking.n_pos, np.int64)
    won[ranking.order] = np.repeat(ranking.below + ranking.up_to, ranking.hits)
    so_far = np.concatenate(([0], np.cumsum(won)))
    return np.diff(so_far[np.cumsum(n_pos)], prepend=0)


def _lost(values: NDArray[Any], truth: NDArray[np.bool], ranking: Ranking) -> NDArray[np.int64]:
    """Return `Ranking.lost` of a ranking without it, by a search for every score."""
    lost = LostPairs(ranking.scores, ranking.hits, len(values), values.size)
    piece = lost.whole_images(PIECE)
    for start in range(0, values.size, piece):
        part, anomalous = values.ravel()[start : start + piece], truth.ravel()[start : start + piece]
        lost.add(np.where(anomalous, 0, lost.of(part)), start)
    return lost.by_image
