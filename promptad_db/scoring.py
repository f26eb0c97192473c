"""From the scores of a category to its exact numbers: fuse on the grid, render, measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_db.errors import InputError
from promptad_db.fusion import fuse_scores
from promptad_db.metrics import OneClassError, pixel_metrics, ranking_metrics, render
from promptad_db.records import CategoryResult, Level, Metric, Render

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

DEFAULT_FUSIONS = ("max", "harmonic")
IMAGE_METRICS = ("auroc", "ap", "f1_max")
PIXEL_METRICS = (*IMAGE_METRICS, "aupro")


def score_category(
    result: CategoryResult, settings: Render | None, fusions: Sequence[str] = DEFAULT_FUSIONS
) -> list[Metric]:
    """Every exact number that the scores and the ground truth of a category give.

    Image level: the image scores of each branch against ``result.labels``. Pixel level: each branch's maps, rendered as
    ``settings`` says, against ``result.masks``. Where both branches are there, the ``fusions`` that were not logged as
    branches of their own are computed on the unrendered grid and scored too; their image scores join
    ``result.scores``. An undefined number (one class only) is a Metric without a value, with the reason as its note.
    """
    notes = _add_fused_scores(result, fusions)
    metrics: list[Metric] = []
    if result.labels is not None:
        labels = result.labels.astype(bool)
        for branch, scores in result.scores.items():
            metrics += _measure("image", branch, IMAGE_METRICS, labels, notes.get(branch), _ranked(scores, labels))
    if result.masks is not None and settings is not None:
        masks = result.masks
        for branch, maps in _with_fused_maps(result, notes):
            measure = _rendered(maps, masks, settings)
            metrics += _measure("pixel", branch, PIXEL_METRICS, masks, notes.get(branch), measure)
    return metrics


def render_maps(maps: NDArray[np.float32], settings: Render) -> NDArray[np.float32]:
    """Maps [N, h, w] as pixel maps [N, height, width]; with interpolation ``none`` they must have that size already."""
    size = (settings.height, settings.width)
    if settings.interpolation == "none":
        if maps.shape[1:] != size:
            raise InputError(
                f"maps of {maps.shape[1]} x {maps.shape[2]} cannot be scored at {size[0]} x {size[1]} as is"
            )
        if not settings.gaussian_sigma:
            return maps
    return render(maps, *size, gaussian_sigma=settings.gaussian_sigma)


def _ranked(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> Callable[[], dict[str, float]]:
    return lambda: ranking_metrics(scores, labels)


def _rendered(maps: NDArray[np.float32], masks: NDArray[np.bool_], settings: Render) -> Callable[[], dict[str, float]]:
    return lambda: pixel_metrics(render_maps(maps, settings), masks)


def _add_fused_scores(result: CategoryResult, fusions: Sequence[str]) -> dict[str, str]:
    """Fuse the image scores of both branches; return a note for each branch that was made here."""
    notes: dict[str, str] = {}
    semantic, memory = result.scores.get("semantic"), result.scores.get("memory")
    if semantic is None or memory is None:
        return notes
    for rule in fusions:
        if rule in result.scores or rule in result.maps:
            continue
        try:
            result.scores[rule] = fuse_scores(rule, semantic, memory)
            notes[rule] = "fused from the stored semantic and memory scores"
        except InputError as error:
            if rule not in DEFAULT_FUSIONS:
                raise
            notes[rule] = f"not fused: {error}"
    return notes


def _with_fused_maps(result: CategoryResult, notes: dict[str, str]) -> list[tuple[str, NDArray[np.float32]]]:
    branches = list(result.maps.items())
    semantic, memory = result.maps.get("semantic"), result.maps.get("memory")
    if semantic is None or memory is None or semantic.shape != memory.shape:
        return branches
    for rule in notes:
        if rule in result.scores:
            branches.append((rule, fuse_scores(rule, semantic, memory)))
    return branches


def _measure(
    level: Level,
    branch: str,
    names: Sequence[str],
    truth: NDArray[np.bool_],
    note: str | None,
    compute: Callable[[], dict[str, float]],
) -> list[Metric]:
    n_pos = int(truth.sum())
    counts = {"n_pos": n_pos, "n_neg": int(truth.size) - n_pos}
    try:
        values: dict[str, float | None] = dict(compute())
    except OneClassError as error:
        values, note = dict.fromkeys(names), str(error)
    return [Metric(level, branch, name, values[name], "exact", note=note, **counts) for name in names]
