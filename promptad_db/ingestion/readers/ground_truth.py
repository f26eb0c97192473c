"""Finding the ground truth of scores whose file does not name its images.

Such scores are in the order in which a program walked the dataset, and the order of the defect folders is unknown. So
candidates are tried, and one is believed only if it reproduces an AUROC that the source itself reported.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from promptad_db.datasets.images import read_ground_truth, resized
from promptad_db.datasets.layout import GOOD, LabelledImage, category_root, defect_folders, list_test_images
from promptad_db.datasets.masks import Mask
from promptad_db.errors import InputError
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Metric, Render, Task
from promptad_db.scoring import score_category

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TOLERANCE = 1e-4
SIZES = (400, 240)


def add_ground_truth(
    result: CategoryResult,
    task: Task,
    dataset: str,
    reported: Mapping[str, float | None],
    data_root: Path,
    settled: Render | None,
) -> tuple[Render | None, list[Metric]]:
    """Put names, labels and masks to a category's scores, and score it exactly.

    ``reported`` are the AUROCs (0..1) of the source by branch. Returns the render settings that reproduced one of them
    to 1e-4 and the exact metrics, of which all but the reproduced order is new knowledge.

    Raises InputError when the dataset does not fit or no candidate reproduces a reported number.
    """
    folder = category_root(data_root, dataset, result.category)
    renders: list[Render | None] = [None] if task == "cls" else [settled] if settled else [Render(n, n) for n in SIZES]
    tries = list(product(_orders(folder, masks=task == "seg"), renders))
    masks_of = _MaskCache()
    best: tuple[CategoryResult, Render | None, list[Metric]] | None = None
    most_hits = 0
    for images, render in tries:
        if len(images) != len(result.images):
            raise InputError(
                f"{result.category}: {len(result.images)} scores, but {len(images)} test images in {folder}"
            )
        candidate = _with_truth(result, images, render, masks_of)
        metrics = score_category(candidate, render)
        hits, chances = _reproduced(metrics, task, reported)
        if hits > most_hits:
            best, most_hits = (candidate, render, metrics), hits
        if hits and hits == chances:
            break
    if best is None:
        raise InputError(
            f"{result.category}: none of {len(tries)} orders of the images below {folder} reproduces a reported AUROC "
            f"to {TOLERANCE:g}, so its numbers stay as they were reported"
        )
    found, render, metrics = best
    result.images, result.labels = found.images, found.labels
    result.masks, result.thresholded, result.defect_types = found.masks, found.thresholded, found.defect_types
    result.scores, result.placements = found.scores, found.placements
    return render, metrics


class _MaskCache:
    """Each mask is read once a size."""

    def __init__(self) -> None:
        self._masks: dict[tuple[Path, int, int], Mask] = {}

    def __call__(self, image: LabelledImage, render: Render) -> Mask:
        size = (render.height, render.width)
        if image.mask is None:
            return Mask(np.zeros(size, dtype=bool), thresholded=False)
        key = (image.mask, *size)
        if key not in self._masks:
            mask = read_ground_truth(image)
            self._masks[key] = Mask(resized(mask.pixels, size), mask.thresholded)
        return self._masks[key]


def _orders(folder: Path, *, masks: bool) -> Iterator[list[LabelledImage]]:
    """The test images by each order of the defect folders that a program may have walked them in."""
    found = defect_folders(folder)
    by_name = sorted(found)
    good_first = sorted(found, key=lambda path: (path.name != GOOD, path.name))
    good_last = sorted(found, key=lambda path: (path.name == GOOD, path.name))
    for order in dict.fromkeys(map(tuple, (by_name, found, good_first, good_last, by_name[::-1]))):
        yield list_test_images(folder, order, verify=masks)


def _with_truth(
    result: CategoryResult, images: list[LabelledImage], render: Render | None, masks_of: _MaskCache
) -> CategoryResult:
    masks = [] if render is None else [masks_of(image, render) for image in images]
    return CategoryResult(
        result.category,
        images=[image.name for image in images],
        labels=np.array([image.defect_type != GOOD for image in images], dtype=np.int8),
        defect_types=[image.defect_type for image in images],
        scores=dict(result.scores),
        maps=result.maps,
        masks=np.stack([mask.pixels for mask in masks]) if masks else None,
        thresholded=np.array([mask.thresholded for mask in masks]) if any(mask.thresholded for mask in masks) else None,
    )


def _reproduced(metrics: list[Metric], task: Task, reported: Mapping[str, float | None]) -> tuple[int, int]:
    """How many reported AUROCs these metrics hit, and how many they could have hit."""
    level = LEVEL_OF_TASK[task]
    computed = {metric.branch: metric.value for metric in metrics if (metric.metric, metric.level) == ("auroc", level)}
    pairs = [(value, reported.get(branch)) for branch, value in computed.items()]
    compared = [abs(value - wanted) for value, wanted in pairs if value is not None and wanted is not None]
    return sum(distance <= TOLERANCE for distance in compared), len(compared)
