"""What a learned gate sees of an image, without any label, and which branch it should have trusted, with the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.records import BRANCHES, Name, RunId, Seed, Shots, Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from promptad_db.fusion.image_content import ImageContent

_TEXTURE = {"texture": 1.0, "object": 0.0, None: 0.5}


@dataclass(frozen=True)
class GateCell:
    """A category of a run: by its name it is kept out of the training of its own gate."""

    run_id: RunId
    dataset: Name
    category: Name
    k_shot: Shots
    seed: Seed | None
    task: Task


@dataclass(frozen=True)
class GateExample:
    """What one cell can teach: ``signals`` by name, [N] each, and ``advantage`` [N].

    ``advantage`` is by how much the semantic branch ranks each image better than the memory branch, -1..1; None where
    the cell has no ground truth, or one class only. ``content`` tells its images from others.
    """

    cell: GateCell
    signals: dict[str, NDArray[np.float64]]
    advantage: NDArray[np.float64] | None
    content: ImageContent | None = None


def signals_of_scores(
    scores: Mapping[str, NDArray[Any]], shots: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float64]]:
    """The image scores [N] of both branches and, where the K shots' own are known, the margins above their mean.

    ``shots`` holds [K] scores a branch, or [K, h, w] maps, whose maxima are the scores.
    """
    signals = {f"{branch}_score": scores[branch].astype(np.float64) for branch in BRANCHES}
    for branch, own in shots.items():
        level = own.reshape(len(own), -1).max(axis=1).mean(dtype=np.float64)
        signals[f"{branch}_margin"] = scores[branch].astype(np.float64) - level
    return signals


def signals_of_maps(maps: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float64]]:
    """From the maps [N, h, w] of both branches: the shape of each, and how much they agree.

    Entropy is that of the map above its minimum, as a distribution over its places, divided by that of a flat map: 0..1.
    The peak is the maximum in standard deviations above the mean. Agreement is Pearson's and Spearman's correlation of
    the two maps. A constant map has entropy 1, peak 0 and agrees with nothing. Maps of two sizes have no signals.
    """
    from scipy.stats import rankdata

    flat = {branch: maps[branch].reshape(len(maps[branch]), -1).astype(np.float64) for branch in BRANCHES}
    signals: dict[str, NDArray[np.float64]] = {}
    if flat["semantic"].shape != flat["memory"].shape:
        return signals
    for branch, values in flat.items():
        signals[f"{branch}_entropy"] = _entropy(values)
        spread = values.std(axis=1)
        signals[f"{branch}_peak"] = _divided(values.max(axis=1) - values.mean(axis=1), spread)
    ranks = {branch: rankdata(values, axis=1) for branch, values in flat.items()}
    signals["agreement_pearson"] = _correlation(flat["semantic"], flat["memory"])
    signals["agreement_spearman"] = _correlation(ranks["semantic"], ranks["memory"])
    return signals


def signals_of_cell(count: int, k_shot: int, kind: str | None) -> dict[str, NDArray[np.float64]]:
    """The same for all ``count`` images of a cell: log2 of 1 + K, and texture (1), object (0) or unknown (0.5)."""
    return {"log_k": np.full(count, np.log2(1 + k_shot)), "texture": np.full(count, _TEXTURE.get(kind, 0.5))}


def advantage_of_semantic(
    semantic: NDArray[Any], memory: NDArray[Any], truth: NDArray[np.bool_]
) -> NDArray[np.float64] | None:
    """By how much the semantic branch ranks each image better than the memory branch within the category, [N], -1..1.

    ``truth`` [N] with scores [N], or [N, h, w] with maps. An anomalous image (place of a map) is ranked as well as the
    share of the normal ones that score lower, a normal one as the share of the anomalous ones that score higher, ties
    one half. An image with both kinds of places is ranked by the mean of their means. None when one class is missing.
    """
    if truth.all() or not truth.any():
        return None
    places = truth.reshape(len(truth), -1)
    return _quality(semantic.reshape(places.shape), places) - _quality(memory.reshape(places.shape), places)


def truth_on_grid(masks: NDArray[np.bool_], height: int, width: int) -> NDArray[np.bool_]:
    """Masks [N, H, W] on the grid of maps [N, height, width]: a place is anomalous when one of its pixels is."""
    rows = np.arange(height) * masks.shape[1] // height
    columns = np.arange(width) * masks.shape[2] // width
    by_rows = np.logical_or.reduceat(masks, rows, axis=1)
    grid: NDArray[np.bool_] = np.logical_or.reduceat(by_rows, columns, axis=2)
    return grid


def _quality(scores: NDArray[Any], truth: NDArray[np.bool_]) -> NDArray[np.float64]:
    positives, negatives = np.sort(scores[truth]), np.sort(scores[~truth])
    ranked = np.empty(scores.shape)
    ranked[truth] = _share_below(negatives, scores[truth])
    ranked[~truth] = 1 - _share_below(positives, scores[~truth])
    means = [_divided((ranked * which).sum(axis=1), which.sum(axis=1)) for which in (truth, ~truth)]
    classes = truth.any(axis=1).astype(np.float64) + (~truth).any(axis=1)
    quality: NDArray[np.float64] = (means[0] + means[1]) / classes
    return quality


def _share_below(ordered: NDArray[Any], scores: NDArray[Any]) -> NDArray[np.float64]:
    share: NDArray[np.float64] = (np.searchsorted(ordered, scores) + np.searchsorted(ordered, scores, "right")) / (
        2 * ordered.size
    )
    return share


def _entropy(values: NDArray[np.float64]) -> NDArray[np.float64]:
    above = values - values.min(axis=1, keepdims=True)
    total = above.sum(axis=1, keepdims=True)
    places = values.shape[1]
    parts = np.where(total > 0, above / np.where(total > 0, total, 1), 1 / places)
    bits = -(parts * np.log(np.where(parts > 0, parts, 1))).sum(axis=1)
    entropy: NDArray[np.float64] = bits / np.log(places) if places > 1 else np.ones(len(values))
    return entropy


def _correlation(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    one, other = one - one.mean(axis=1, keepdims=True), other - other.mean(axis=1, keepdims=True)
    return _divided((one * other).sum(axis=1), np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1)))


def _divided(numerator: NDArray[Any], denominator: NDArray[Any]) -> NDArray[np.float64]:
    """The quotient, 0 where the denominator is 0."""
    quotient: NDArray[np.float64] = np.divide(
        numerator, denominator, out=np.zeros(len(numerator)), where=denominator > 0
    )
    return quotient
