"""AUROC, average precision and the highest F1, exact, from one ranking of the positives among the negatives.

Counts stay integers until the last division. Each metric costs O(p) for p distinct positive scores once the ranking is
there (see `ranking`), so asking for all three costs about as much as asking for one.
"""

import numpy as np
from numpy.typing import ArrayLike

from promptad_db.metrics.ranking import Ranking, rank


def auroc(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the area under the ROC curve, 0..1: how often a positive scores higher than a negative, ties one half.

    ``scores`` (higher = more anomalous) and ``labels`` (bool or 0/1, 1 = anomalous) have one shape, any: images [N] or
    pixels [N, H, W]. Equal to the area under the curve of all thresholds (Hanley and McNeil, Radiology 143, 1982).

    Raises InputError for unusable arrays, OneClassError when one class is missing.
    """
    return _auroc(rank(scores, labels))


def average_precision(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the average precision, 0..1: the sum over distinct thresholds of precision times the gain in recall.

    The step sum, not the trapezoid, which flatters (Davis and Goadrich, ICML 2006). Arguments and errors as in `auroc`.
    """
    return _average_precision(rank(scores, labels))


def f1_max(scores: ArrayLike, labels: ArrayLike) -> float:
    """Return the highest F1 = 2 TP / (2 TP + FP + FN) over all thresholds, 0..1. Arguments and errors as in `auroc`."""
    return _f1_max(rank(scores, labels))


def ranking_metrics(scores: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """Return "auroc", "ap" and "f1_max", each 0..1 and as from its own function, for little more than one of them.

    Arguments and errors as in `auroc`.
    """
    return of_ranking(rank(scores, labels))


def of_ranking(ranking: Ranking) -> dict[str, float]:
    """Return the three metrics of a ranking that is there already."""
    return {"auroc": _auroc(ranking), "ap": _average_precision(ranking), "f1_max": _f1_max(ranking)}


def _auroc(ranking: Ranking) -> float:
    # Twice the pairs in the right order: a tie is in `up_to` and not in `below`, so it counts once of two.
    won = int(np.dot(ranking.hits, ranking.below + ranking.up_to))
    return won / (2 * ranking.n_pos * ranking.n_neg)


def _average_precision(ranking: Ranking) -> float:
    # Recall grows only at thresholds that a positive has: the others add nothing to the sum.
    detected = np.cumsum(ranking.hits[::-1])[::-1]
    precision = detected / (detected + ranking.n_neg - ranking.below)
    return float(np.dot(ranking.hits, precision)) / ranking.n_pos


def _f1_max(ranking: Ranking) -> float:
    # A threshold between two positive scores has the detections of the higher one, and no fewer false alarms.
    detected = np.cumsum(ranking.hits[::-1])[::-1]
    flagged = detected + ranking.n_neg - ranking.below
    return float(np.max(2 * detected / (flagged + ranking.n_pos)))
