"""Calibration: put the scores of a branch on a scale that it can share with the other branch, before they are fused.

A calibration is fitted a branch and a category of a run, never decreases, and knows no label. ``minmax`` and ``rank``
look at the distribution of the category's test scores, which a detector in use does not have; ``zscore-normal`` looks
at the K normal shots alone.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from promptad_db.errors import InputError, UsageError
from promptad_db.precision import shortest

CALIBRATIONS = ("none", "minmax", "rank", "zscore-normal")

Calibrator = Callable[[NDArray[Any]], NDArray[Any]]

_MIDDLE = 0.5


def calibrator(method: str, scores: NDArray[Any], shots: NDArray[Any] | None = None) -> Calibrator:
    """Return the function that calibrates scores of one branch; it keeps their shape, and their
    floating type unless that would make different scores equal.

    ``scores`` are those of the category's test images, of any shape: for a run with maps the unrendered maps, on whose
    scale the image scores (their maxima) are too. ``shots`` are what the K shots themselves score, of any shape.

    ``none`` leaves scores as they are. ``minmax`` takes the lowest test score to 0 and the highest to 1. ``rank`` gives
    the share of the test scores below, ties one half. A branch whose test scores are all equal tells nothing: both give
    it 0.5. ``zscore-normal`` subtracts the mean of the shots' scores and divides by their standard deviation.

    Raises UsageError for an unknown method, InputError where the shots' scores are missing, too few or all equal.
    """
    if method == "none":
        return lambda values: values
    if method == "minmax":
        return _minmax(scores)
    if method == "rank":
        return _rank(scores)
    if method == "zscore-normal":
        return _zscore(shots)
    raise UsageError(f"there is no calibration {method!r}", f"use one of {', '.join(CALIBRATIONS)}")


def _minmax(scores: NDArray[Any]) -> Calibrator:
    low, high = float(scores.min()), float(scores.max())
    if low == high:
        return lambda values: np.full_like(values, _MIDDLE)
    return lambda values: _like(values, (values.astype(np.float64) - low) / (high - low))


def _rank(scores: NDArray[Any]) -> Calibrator:
    ordered = np.sort(scores, axis=None)

    def calibrate(values: NDArray[Any]) -> NDArray[Any]:
        below = np.searchsorted(ordered, values, side="left")
        up_to = np.searchsorted(ordered, values, side="right")
        return _like(values, (below + up_to) / (2 * ordered.size))

    return calibrate


def _zscore(shots: NDArray[Any] | None) -> Calibrator:
    others = "--calibrate minmax and rank do without the shots"
    if shots is None:
        raise InputError("the scores of its K shots are not stored; only promptad-db run stores them", others)
    if shots.size < 2:  # noqa: PLR2004 - a spread needs two
        raise InputError("its only shot has one score, which has no spread to divide by", others)
    mean, spread = float(shots.mean(dtype=np.float64)), float(shots.std(dtype=np.float64, ddof=1))
    if spread == 0:
        raise InputError(f"all scores of its K shots are {mean:g}, which leaves no spread to divide by", others)
    return lambda values: _like(values, (values.astype(np.float64) - mean) / spread)


def _like(values: NDArray[Any], calibrated: NDArray[np.float64]) -> NDArray[Any]:
    return shortest(calibrated, values.dtype)
