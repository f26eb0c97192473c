"""Where every positive score stands among the negative ones: all that the metrics of this package need.

A metric over thresholds changes its true positives only at scores that a positive has, so it is enough to know, for each
distinct positive score v, how many positives have it and how many negatives lie below v and not above v. The plain way
is to sort positives and negatives apart and to merge them. A sort of millions of negatives costs far more than a pass
over them, though, and its speed depends on the processor, so `_placed` spares most of it, exactly:

1. All scores are put into equal-width buckets by the same rounded arithmetic, ``int((score - low) * scale)``. Subtraction,
   product and truncation never decrease when the score grows, so a score in a lower bucket *is* a lower score.
2. Negatives of a bucket without positives are only counted: below every positive of a higher bucket, above the others.
3. Of the few negatives that share a bucket with positives, those that share it with one distinct positive score are
   compared with that one, and the others are sorted after all.

With n scores and p distinct positive ones this is one pass of O(n), O(p log p) for the positives and, with some 16 buckets
a positive, a comparison of about n/16 scores and a sort of far fewer. Scores crowded into few buckets (one huge outlier,
a heavy tail) only make that sort longer: at worst all negatives are sorted, which is the plain way plus one pass. What the
negatives of each image lose is added up in the same pass where it is wanted (`LostPairs`).
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promptad_db.errors import InputError
from promptad_db.metrics.lost_pairs import LostPairs
from promptad_db.precision import as_array, as_floats

# Below this many scores sorting them costs less than a pass with buckets.
SMALL = 1 << 15
# More buckets leave fewer negatives to sort, until the counters no longer fit the processor's cache.
BUCKETS_PER_POSITIVE = 16
MAX_BUCKETS = 1 << 20
# A piece of the pass whose temporaries stay in the second-level cache.
PIECE = 1 << 16


class OneClassError(InputError):
    """A ranking metric is undefined, because the labels hold one class only."""


@dataclass(frozen=True, eq=False)
class Ranking:
    """The distinct positive scores, ascending, and where each stands among the negatives; counts are exact.

    ``scores[i]`` is held by ``hits[i]`` positives; ``below[i]`` negatives are lower, ``up_to[i]`` are lower or equal.
    ``positives`` are all positive scores as the arrays have them. ``lost`` is by image twice the positives above each of
    its negatives, ties counted once; None where it was not asked for or the scores were not worth a pass with buckets.
    """

    scores: NDArray[Any]
    hits: NDArray[np.int64]
    below: NDArray[np.int64]
    up_to: NDArray[np.int64]
    n_pos: int
    n_neg: int
    positives: NDArray[Any]
    lost: NDArray[np.int64] | None = None

    @cached_property
    def order(self) -> NDArray[np.intp]:
        """The indices that sort ``positives``: ``hits[0]`` of the lowest score, and so on."""
        return np.argsort(self.positives)


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """Equal-width buckets of scores; a higher score is never in a lower bucket, as each step rounds monotonically."""

    low: Any
    scale: Any
    count: int

    def of(self, scores: NDArray[Any]) -> NDArray[np.intp]:
        """Return the bucket of each score; rounding may lift the highest just over the last, to ``count``."""
        # By way of 32 bits, which the processor converts to many at a time.
        bucket: NDArray[np.intp] = ((scores - self.low) * self.scale).astype(np.int32).astype(np.intp)
        return bucket


def rank(
    scores: ArrayLike, labels: ArrayLike, *, by_image: bool = False, small: int = SMALL, piece: int = PIECE
) -> Ranking:
    """Rank the positives (label 1, anomalous) among the negatives by score.

    ``scores`` and ``labels`` have one shape, any; labels are bool or 0/1. float16 is computed as float32, integers as
    float64, other floating types as they are. Inputs of fewer than ``small`` scores are sorted, larger ones go
    through buckets, ``piece`` scores at a time: neither changes the result. ``by_image`` adds up `Ranking.lost` in that
    pass, an image being an entry of the first axis.

    Raises InputError for shapes that differ, no scores, NaN, infinite or masked scores, integers beyond 2^53, labels
    other than 0 and 1;
    OneClassError when one class is missing.
    """
    values, truth = as_array(scores, "scores"), as_array(labels, "labels")
    if values.shape != truth.shape:
        raise InputError(f"scores have the shape {values.shape}, labels {truth.shape}: one label a score is wanted")
    if values.size == 0:
        raise InputError("there are no scores to rank")
    values, truth = as_floats(values, "scores").ravel(), as_truth(truth).ravel()
    # The minimum and the maximum carry every NaN and infinity, for less than a test of each score.
    low, high = values.min(), values.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError("scores must be finite: NaN or an infinity is among them")
    n_pos = int(np.count_nonzero(truth))
    n_neg = truth.size - n_pos
    if n_pos == 0 or n_neg == 0:
        there, missing = ("anomalous (1)", "normal (0)") if n_pos else ("normal (0)", "anomalous (1)")
        raise OneClassError(f"no label is {missing}, all {truth.size} are {there}: the metric is undefined")

    positives = values.take(np.flatnonzero(truth))
    ascending = np.sort(positives)
    last = np.append(np.flatnonzero(ascending[1:] != ascending[:-1]), n_pos - 1)
    distinct, hits, lost = ascending[last], np.diff(last, prepend=-1), None
    buckets = _buckets(low, high, min(BUCKETS_PER_POSITIVE * distinct.size, MAX_BUCKETS))
    if buckets is None or values.size < small or distinct.size * 4 > n_neg:
        unsorted, below, equal = values[~truth], np.zeros(1, np.int64), np.zeros(1, np.int64)
    else:
        if by_image:
            lost = LostPairs(distinct, hits, np.shape(labels)[0], values.size)
            piece = lost.whole_images(piece)
        unsorted, below, equal = _placed(values, truth, distinct, buckets, piece, lost)
    unsorted.sort()
    return Ranking(
        scores=distinct,
        hits=hits,
        below=below + np.searchsorted(unsorted, distinct, side="left"),
        up_to=below + equal + np.searchsorted(unsorted, distinct, side="right"),
        n_pos=n_pos,
        n_neg=n_neg,
        positives=positives,
        lost=None if lost is None else lost.by_image,
    )


def _buckets(low: Any, high: Any, count: int) -> Buckets | None:
    """Return ``count`` buckets from low to high; None where their arithmetic would overflow."""
    with np.errstate(over="ignore"):
        span = high - low
    if np.finfo(low.dtype).tiny * count < span < np.inf:
        return Buckets(low, low.dtype.type(count) / span, count)
    return None


def _placed(
    values: NDArray[Any],
    truth: NDArray[np.bool],
    distinct: NDArray[Any],
    buckets: Buckets,
    piece: int,
    lost: LostPairs | None = None,
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]:
    """Return the negatives left to sort and, of the others, how many are below each positive and how many equal it.

    ``lost`` adds up the pairs that negatives lose; its pieces are whole images.
    """
    of_positive = buckets.of(distinct)
    table = lost.table(of_positive, buckets.count + 2) if lost else np.zeros(buckets.count + 2, np.int32)
    _mark(table, of_positive)
    # What every score is looked up in; a byte a bucket stays in the cache, where nothing is added up.
    outside = table if lost else -(table < 0).astype(np.int8)
    score_of = np.concatenate((distinct[:1], distinct))
    # 32-bit counters keep twice as many buckets in the cache.
    counter = np.int32 if values.size < 1 << 31 else np.int64
    counts, beside, one = np.zeros(buckets.count + 2, counter), np.zeros(3 * score_of.size, counter), counter(1)
    left_over = []
    for start in range(0, values.size, piece):
        part, anomalous = values[start : start + piece], truth[start : start + piece]
        bucket = buckets.of(part)
        np.add.at(counts, bucket, one)
        found = outside.take(bucket)
        near = np.flatnonzero((found < 0) > anomalous)
        scores, positive = part.take(near), ~(found.take(near) if lost else table.take(bucket.take(near)))
        its_score = score_of.take(positive)
        place = 3 * positive.astype(np.intp) + (scores >= its_score) + (scores > its_score)
        np.add.at(beside, place, one)
        crowded = np.flatnonzero(positive == 0)
        left_over.append(scores.take(crowded))
        if lost:
            found[anomalous] = 0
            found[near] = lost.beside(place)
            found[near.take(crowded)] = lost.of(left_over[-1])
            lost.add(found, start)
    counts[of_positive] = 0
    in_lower_buckets = np.cumsum(counts, dtype=counter, out=counts)[of_positive]
    lower, equal, higher = beside.reshape(-1, 3)[1:].T.astype(np.int64)
    in_bucket = lower + equal + higher
    below = in_lower_buckets + np.cumsum(in_bucket) - in_bucket + lower
    return np.concatenate(left_over), below, equal


def _mark(table: NDArray[Any], of_positive: NDArray[np.intp]) -> None:
    """Mark the buckets of positives: ~i where the i-th has it to itself, counted from 1, ~0 where several share it."""
    first_in_bucket = np.diff(of_positive, prepend=-1) > 0
    alone = np.flatnonzero(first_in_bucket & np.append(first_in_bucket[1:], True))
    table[of_positive] = ~0
    table[of_positive[alone]] = ~(alone + 1)


def as_truth(labels: NDArray[Any]) -> NDArray[np.bool]:
    """Return labels as bool, refusing any but True, False, 1 and 0."""
    if labels.dtype.kind == "b":
        return labels
    truth: NDArray[np.bool] = labels == 1
    if labels.dtype.kind not in "fiu" or not np.all(truth | (labels == 0)):
        raise InputError("labels must be bool, or 0 (normal) and 1 (anomalous)")
    return truth
