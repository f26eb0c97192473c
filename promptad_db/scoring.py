"""From the scores of a category to its exact numbers: fuse on the grid, render, measure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from promptad_db.errors import InputError
from promptad_db.fusion import FUSED_NOTE, fuse_scores
from promptad_db.limits import LARGEST_CATEGORY
from promptad_db.metrics import OneClassError, PixelTruth, interval_of, placements, ranking_metrics, render
from promptad_db.progress import Stopwatch
from promptad_db.records import CategoryResult, ImageScore, Level, Metric, Placements, Render

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

DEFAULT_FUSIONS = ("max", "harmonic")
IMAGE_METRICS = ("auroc", "ap", "f1_max")
PIXEL_METRICS = (*IMAGE_METRICS, "aupro")
CONSTANT_NOTE = "all scores are equal, so that they rank nothing"


class Measured(NamedTuple):
    """The exact numbers of a branch at one level, and the placements behind its AUROC; None where that is undefined."""

    metrics: list[Metric]
    placements: Placements | None

    def put_into(self, result: CategoryResult) -> list[Metric]:
        """Keep the placements with the category; returns the numbers."""
        if self.placements is not None:
            result.placements[self.metrics[0].level, self.metrics[0].branch] = self.placements
        return self.metrics


def score_category(
    result: CategoryResult,
    settings: Render | None,
    fusions: Sequence[str] = DEFAULT_FUSIONS,
    clock: Stopwatch | None = None,
) -> list[Metric]:
    """Every exact number that the scores and the ground truth of a category give.

    Image level: the image scores of each branch against ``result.labels``. Pixel level: each branch's maps, rendered as
    ``settings`` says, against ``result.masks``. Where both branches are there, the ``fusions`` that were not logged as
    branches of their own are computed on the unrendered grid and scored too; their image scores join
    ``result.scores``, and the placements of every AUROC ``result.placements``. An undefined number (one class only, a fusion of negative scores) is a Metric without a value,
    with the reason as its note. ``clock`` counts the seconds of the stages fuse, render and metrics.
    """
    clock = clock or Stopwatch()
    rules = [rule for rule in fusions if rule not in result.scores and rule not in result.maps]
    with clock("fuse"):
        scores: list[tuple[str, NDArray[Any] | str]] = [*result.scores.items(), *_fused(result.scores, rules)]
        maps: list[tuple[str, NDArray[Any] | str]] = [*result.maps.items(), *_fused(result.maps, rules)]
    result.scores |= {branch: values for branch, values in scores if not isinstance(values, str)}
    metrics: list[Metric] = []
    if result.labels is not None:
        labels = result.labels.astype(bool)
        for branch, values in scores:
            note = FUSED_NOTE if branch in rules else None
            with clock("metrics"):
                metrics += image_numbers(branch, values, labels, note).put_into(result)
    if result.masks is not None and settings is not None:
        truth = PixelTruth(result.masks)
        for branch, grids in maps:
            note = joined(FUSED_NOTE if branch in rules else None, truth_note(result))
            with clock("render"):
                pixels = grids if isinstance(grids, str) else render_maps(grids, settings)
            with clock("metrics"):
                metrics += pixel_numbers(branch, pixels, truth, note).put_into(result)
    return metrics


def truth_note(result: CategoryResult) -> str | None:
    """What a reader of pixel-level numbers must know of the masks; None for masks of two values."""
    grey = 0 if result.thresholded is None else int(np.count_nonzero(result.thresholded))
    return f"{grey} masks hold greys, read as anomalous above half grey" if grey else None


def joined(*notes: str | None) -> str | None:
    """The notes there are as one; None without any."""
    return "; ".join(filter(None, notes)) or None


def image_numbers(
    branch: str, scores: NDArray[Any] | str, labels: NDArray[np.bool_], note: str | None = None
) -> Measured:
    """The image-level numbers of a branch's scores [N] against the labels [N]; a text is why there are no scores."""
    return _measure(
        "image", branch, scores, labels, note, lambda array: (ranking_metrics(array, labels), placements(array, labels))
    )


def pixel_numbers(branch: str, pixels: NDArray[Any] | str, truth: PixelTruth, note: str | None = None) -> Measured:
    """The pixel-level numbers of a branch's rendered maps [N, H, W]; a text is why there are no maps."""
    return _measure("pixel", branch, pixels, truth.masks, note, truth.metrics_and_placements)


def image_scores(maps: NDArray[Any], image_score: ImageScore, settings: Render | None) -> NDArray[np.float64]:
    """The scores [N] of images that have maps [N, h, w]: the maxima on the grid, or of the maps upsampled as ``settings``
    says, without the Gaussian, as in the public code.

    Raises InputError where upsampled maps are asked for and no size is known.
    """
    if image_score == "rendered_max":
        if settings is None:
            raise InputError(
                "image_score rendered_max needs the size that maps are rendered at", "give render=(height, width)"
            )
        maps = render_maps(maps, replace(settings, gaussian_sigma=0.0))
    scores: NDArray[np.float64] = maps.max(axis=(1, 2)).astype(np.float64)
    return scores


def render_maps(maps: NDArray[Any], settings: Render) -> NDArray[Any]:
    """Maps [N, h, w] as pixel maps [N, height, width]; with interpolation ``none`` they must have that size already."""
    size = (settings.height, settings.width)
    if len(maps) * size[0] * size[1] > LARGEST_CATEGORY:
        raise InputError(f"{len(maps)} maps of {size[0]} x {size[1]} pixels are more than can be scored at once")
    if settings.interpolation == "none":
        if maps.shape[1:] != size:
            raise InputError(
                f"maps of {maps.shape[1]} x {maps.shape[2]} cannot be scored at {size[0]} x {size[1]} as is"
            )
        if not settings.gaussian_sigma:
            return maps
    return render(maps, *size, gaussian_sigma=settings.gaussian_sigma)


def _fused(branches: Mapping[str, NDArray[Any]], rules: Sequence[str]) -> Iterator[tuple[str, NDArray[Any] | str]]:
    """The fusions of both branches, each an array or the reason why there is none."""
    semantic, memory = branches.get("semantic"), branches.get("memory")
    if semantic is None or memory is None or semantic.shape != memory.shape:
        return
    for rule in rules:
        try:
            yield rule, fuse_scores(rule, semantic, memory)
        except InputError as error:
            yield rule, f"not fused: {error}"


def _measure(
    level: Level,
    branch: str,
    values: NDArray[Any] | str,
    truth: NDArray[np.bool_],
    note: str | None,
    compute: Callable[[NDArray[Any]], tuple[dict[str, float], Placements]],
) -> Measured:
    n_pos = int(np.count_nonzero(truth))
    n_neg = int(truth.size) - n_pos
    names = IMAGE_METRICS if level == "image" else PIXEL_METRICS
    measured: dict[str, float | None] = dict.fromkeys(names)
    placed: Placements | None = None
    if isinstance(values, str):
        note = values
    else:
        try:
            computed, placed = compute(values)
            measured |= computed
            if values.min() == values.max():
                note = joined(CONSTANT_NOTE, note)
        except OneClassError as error:
            note = str(error)
    metrics = [
        Metric(level, branch, name, measured[name], "exact", n_pos=n_pos, n_neg=n_neg, note=note) for name in names
    ]
    if placed is not None:
        low, high = interval_of(placed)
        metrics[0] = replace(metrics[0], ci_low=low, ci_high=high)
    return Measured(metrics, placed)
