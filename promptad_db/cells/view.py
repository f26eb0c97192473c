"""A close look at one cell of a run folder: its exact curves, and its images beside their anomaly maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db import run_folder
from promptad_db.cells.pictures import Panel, data_root_of, image_paths, make_panels
from promptad_db.errors import InputError
from promptad_db.fusion import RULES, fuse_scores
from promptad_db.metrics.curves import auroc, of_ranking
from promptad_db.metrics.ranking import OneClassError, Ranking, rank
from promptad_db.records import BRANCHES
from promptad_db.result_set import ResultSet
from promptad_db.scoring import render_maps

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from promptad_db.records import CategoryResult, Level, Render

__all__ = ["BRANCHES", "CURVE_COLUMNS", "Panel", "branch_values", "curves", "panels"]

CURVE_COLUMNS = ("branch", "threshold", "false_positive_rate", "true_positive_rate", "precision", "auroc", "ap")
STEPS = 1000  # finer than a page shows


def curves(
    folder: Path, category: str, level: Level, branches: Sequence[str] = BRANCHES, *, steps: int = STEPS
) -> ResultSet:
    """The vertices of the ROC and precision-recall curves of some branches, from the strictest threshold to the laxest.

    At level ``image`` they come from the image scores, at ``pixel`` from the maps, rendered as the run says, and the
    masks. Between two vertices an ROC curve is a straight line; precision is what the threshold itself has, None where
    it flags nothing. Of the vertices in one square of a raster of ``steps`` along each axis the first and the last are
    kept; ``auroc`` and ``ap`` (0..1, the same in each row of a branch) are those of the whole curve.

    A fusion that the run does not hold is made from both branches. Raises InputError for a branch or a ground truth that
    is not there, OneClassError where the curves are undefined.
    """
    result = run_folder.read_category(folder, category)
    settings = run_folder.read_run(folder).render
    rows: list[tuple[Any, ...]] = []
    for branch in branches:
        try:
            ranking = rank(*_scores_and_truth(result, settings, branch, level))
        except OneClassError as error:
            raise OneClassError(f"{folder}, {category}: {error}") from error
        except InputError as error:
            raise InputError(f"{folder}, {category}: {error.args[0]}", error.hint) from error
        whole = of_ranking(ranking)
        rows += [(branch, *vertex, whole["auroc"], whole["ap"]) for vertex in _vertices(ranking, steps)]
    return ResultSet(CURVE_COLUMNS, rows, {"auroc": "auroc", "ap": "auroc"})


def panels(
    folder: Path,
    category: str,
    images: Sequence[str] | int = 2,
    branches: Sequence[str] = (*BRANCHES, "max"),
    data_root: Path | None = None,
) -> list[Panel]:
    """Some test images of a cell beside their ground truth and the rendered map of each branch.

    ``images`` are names, or how many to choose: anomalous ones in which the two branches disagree most. The maps of a
    branch share one colour scale over the chosen images, from its lowest to its highest value there: the branches
    score in different units. The pictures are read below ``data_root``, by default where the run found them; those that
    are not there are None. Raises InputError for a category without maps, or an unknown image or branch.
    """
    result = run_folder.read_category(folder, category)
    info = run_folder.read_run(folder)
    try:
        maps = {branch: branch_values(result, branch, "pixel") for branch in branches}
    except InputError as error:
        raise InputError(f"{folder}, {category}: {error.args[0]}", error.hint) from error
    chosen = _telling(result, info.render, images) if isinstance(images, int) else _places(result, images)
    rendered = {branch: _rendered(values[chosen], info.render) for branch, values in maps.items()}
    scores = {branch: values for branch, values in result.scores.items() if branch in maps}
    paths = image_paths(info, category, data_root)
    root = data_root_of(info, data_root) if paths else None
    return make_panels(result, rendered, scores, chosen, paths, root)


def branch_values(result: CategoryResult, branch: str, level: Level) -> NDArray[Any]:
    """The image scores [N] or maps [N, h, w] of a branch; a fusion that is not stored is made from both branches."""
    stored: dict[str, NDArray[Any]] = {**(result.scores if level == "image" else result.maps)}
    if branch in stored:
        return stored[branch]
    if branch in RULES and set(BRANCHES) <= set(stored):
        return fuse_scores(branch, stored["semantic"], stored["memory"])
    what = "scores" if level == "image" else "maps"
    raise InputError(f"there are no {what} of branch {branch}", f"there are {', '.join(stored) or 'none at all'}")


def _scores_and_truth(
    result: CategoryResult, settings: Render | None, branch: str, level: Level
) -> tuple[NDArray[Any], NDArray[Any]]:
    values = branch_values(result, branch, level)
    if level == "image":
        if result.labels is None:
            raise InputError("its images have no labels")
        return values, result.labels
    if result.masks is None or settings is None:
        raise InputError("it has no ground-truth masks")
    return render_maps(values, settings), result.masks


def _rendered(maps: NDArray[Any], settings: Render | None) -> NDArray[Any]:
    return maps if settings is None else render_maps(maps, settings)


def _places(result: CategoryResult, images: Sequence[str]) -> list[int]:
    unknown = [name for name in images if name not in result.images]
    if unknown:
        raise InputError(f"{result.category} has no image {unknown[0]}", f"it has {', '.join(result.images[:5])}, ...")
    return [result.images.index(name) for name in images]


def _telling(result: CategoryResult, settings: Render | None, count: int) -> list[int]:
    """The images in which the AUROCs of the two branches over the pixels differ most; without masks, anomalous ones."""
    places = list(range(len(result.images)))
    if result.masks is None or not set(BRANCHES) <= set(result.maps):
        return sorted(places, key=lambda index: result.labels is None or result.labels[index] == 0)[:count]
    differences = np.full(len(places), -1.0)
    for index in places:
        mask = result.masks[index]
        if mask.any() and not mask.all():
            one, other = (auroc(_rendered(result.maps[branch][[index]], settings)[0], mask) for branch in BRANCHES)
            differences[index] = abs(other - one)
    return [int(index) for index in np.argsort(-differences, kind="stable")[:count]]


def _vertices(ranking: Ranking, steps: int) -> list[tuple[float | None, float, float, float | None]]:
    """Threshold, false positive rate, true positive rate and precision at each vertex, the strictest first."""
    hits, flagged, passed = (array[::-1] for array in (ranking.hits, ranking.below, ranking.up_to))
    detected = np.cumsum(hits)
    alarms = np.stack([ranking.n_neg - passed, ranking.n_neg - flagged], axis=1).ravel()
    found = np.stack([detected - hits, detected], axis=1).ravel()
    thresholds = np.repeat(ranking.scores[::-1].astype(np.float64), 2)
    total = found + alarms
    precision = np.divide(found, total, out=np.ones(total.size), where=total > 0)
    curve = np.stack([alarms / ranking.n_neg, found / ranking.n_pos, precision], axis=1)
    # A point stays where it is the first or the last of its square.
    square = np.round(curve * steps)
    moved = (square[1:] != square[:-1]).any(axis=1)
    kept = np.append(True, moved) | np.append(moved, True)
    rows = [
        (None if not flagged_any else float(threshold), float(x), float(y), float(p) if flagged_any else None)
        for threshold, (x, y, p), flagged_any in zip(thresholds[kept], curve[kept], total[kept] > 0, strict=True)
    ]
    base = ranking.n_pos / (ranking.n_pos + ranking.n_neg)
    return [(None, 0.0, 0.0, None), *rows, (None, 1.0, 1.0, base)]
