"""Pairs of a positive and a negative that the negative loses, added up by image while the ranking passes over the scores."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


class LostPairs:
    """By image twice the positives above each of its negatives, one for each that equals it.

    ``distinct`` are the positive scores, ascending, ``hits`` how many positives have each; ``size`` scores of ``images``
    images of one size come in order, by pieces of whole images.
    """

    def __init__(self, distinct: NDArray[Any], hits: NDArray[np.int64], images: int, size: int) -> None:
        self.distinct, self.pixels = distinct, size // images
        self.by_image = np.zeros(images, np.int64)
        below = np.concatenate(([0], np.cumsum(hits)))
        # 32-bit entries keep twice as many in the cache.
        above = (2 * (below[-1] - below)).astype(np.int32 if below[-1] < 1 << 30 else np.int64)
        self._above, self._half = above, above // 2
        beside = np.zeros((above.size, 3), above.dtype)
        beside[1:] = np.stack([above[:-1], self._half[:-1] + self._half[1:], above[1:]], axis=1)
        self._beside = beside.ravel()

    def whole_images(self, piece: int) -> int:
        """Return how many scores are about ``piece``, but whole images."""
        return max(1, piece // self.pixels) * self.pixels

    def table(self, of_positive: NDArray[np.intp], count: int) -> NDArray[Any]:
        """Return by bucket, of ``count``, what a negative in it loses to the positives of higher buckets.

        ``of_positive`` are the buckets of ``distinct``; the entries of these themselves mean nothing.
        """
        return np.repeat(self._above, np.diff(of_positive, prepend=0, append=count))

    def beside(self, place: NDArray[np.intp]) -> NDArray[Any]:
        """Return what negatives lose that are just below (3 i), equal to (3 i + 1) or just above (3 i + 2) a positive score.

        It is the i-th of ``distinct``, from 1; 0 for any gives numbers without meaning.
        """
        return self._beside.take(place)

    def of(self, scores: NDArray[Any]) -> NDArray[Any]:
        """Return what negatives of these scores lose."""
        # The search is several times as quick for ascending scores.
        order = np.argsort(scores)
        place = np.empty_like(order)
        place[order] = np.searchsorted(self.distinct, scores.take(order))
        equal = self.distinct.take(place, mode="clip") == scores
        lost: NDArray[Any] = self._half.take(place) + self._half.take(place + equal)
        return lost

    def add(self, lost: NDArray[Any], start: int) -> None:
        """Add what the scores from the index ``start`` on lose, 0 for a positive."""
        of_images = lost.reshape(-1, self.pixels)
        first = start // self.pixels
        self.by_image[first : first + len(of_images)] = of_images.sum(axis=1, dtype=np.int64)
