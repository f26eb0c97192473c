"""Anomaly maps in the layout of the MVTec evaluation: one TIFF of floats a test image and branch.

    <maps of a branch>/<category>/test/<defect>/<id>.tiff        the size of the ground truth, which stands in
    <data root>/<category>/test/<defect>/<id>.png
    <data root>/<category>/ground_truth/<defect>/<id>_mask.png   for every defect but ``good``

Maps are scored as they are, neither resized nor smoothed. A category is taken whole or not at all: every test image must
have a map in every branch, and all of them one size.
"""

from __future__ import annotations

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.datasets.layout import GOOD, TestImage, category_root, read_mask, test_images
from promptad_db.errors import InputError, UsageError
from promptad_db.readers.imported import ImportedRun, ImportOptions, Reject
from promptad_db.records import CategoryResult, Render
from promptad_db.scoring import score_category

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

KIND = "mvtec-maps"
SUFFIXES = (".tiff", ".tif")
LARGEST_MAP = 2**31

Size = tuple[int, int]


class _MapError(InputError):
    """A file because of which its category cannot be taken."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(reason)
        self.path = path


def recognise(path: Path) -> bool:  # noqa: ARG001 - a Reader, but of folders, which only the user can name
    """No single file is of this layout: the folders of the branches are named in the options."""
    return False


def read(paths: Sequence[Path], options: ImportOptions, reject: Reject) -> Iterator[ImportedRun]:  # noqa: ARG001 - see recognise
    """One run of the categories for which every branch in ``options.branches`` has all maps.

    Raises UsageError when the options lack the data root or K, which no map tells, or tifffile is not installed.
    """
    run, data_root = _run(options)
    _tifffile()
    for category in _categories(options.branches, reject):
        result = CategoryResult(category)
        try:
            images = test_images(category_root(data_root, run.dataset, category))
            files = {branch: _map_files(folder / category / "test", images) for branch, folder in options.branches.items()}
            _fill(result, images, files)
        except (InputError, OSError, MemoryError) as error:
            path = getattr(error, "path", next(iter(options.branches.values())) / category)
            reject(path, f"{category} is left out: {error or 'it does not fit in memory'}")
            continue
        run.categories[category] = result
        run.files.update(path for maps in files.values() for path in maps)
    settings = {_as_is(result) for result in run.categories.values()}
    run.render = settings.pop() if len(settings) == 1 else None
    if run.categories:
        yield run


def _run(options: ImportOptions) -> tuple[ImportedRun, Path]:
    if options.data_root is None:
        raise UsageError("anomaly maps need the ground truth beside them", "give --data-root, the data set in MVTec AD layout")
    dataset = options.dataset or options.data_root.resolve().name
    if not dataset:
        raise UsageError(f"{options.data_root}: its name does not tell the data set", "give --dataset")
    if options.k_shot is None:
        raise UsageError("anomaly maps do not tell K", "give --k-shot")
    experiment, method = options.experiment or KIND, options.method or "unknown"
    return ImportedRun(KIND, experiment, method, options.task or "seg", dataset, options.k_shot, options.seed), options.data_root


def _categories(branches: dict[str, Path], reject: Reject) -> list[str]:
    """The categories that every branch has, sorted; the others are rejected by name."""
    found: dict[str, set[str]] = {}
    for branch, folder in branches.items():
        if not folder.is_dir():
            raise UsageError(f"{folder}: not a folder, but given as the maps of branch {branch}", "check --branch")
        found[branch] = {path.parent.name for path in folder.glob("*/test") if path.is_dir()}
        if not found[branch]:
            reject(folder, f"branch {branch} has no maps: no <category>/test/<defect>/<id>.tiff is below it")
    everywhere = set.intersection(*found.values())
    for branch, folder in branches.items():
        for category in sorted(set.union(*found.values()) - found[branch]) if found[branch] else ():
            reject(folder / category, f"{category} is left out: branch {branch} has no maps of it")
    return sorted(everywhere)


def _map_files(folder: Path, images: list[TestImage]) -> list[Path]:
    """The map of each image, by the image's defect type and name without its ending."""
    files = []
    for image in images:
        beside = folder / image.defect_type
        named = [path for suffix in SUFFIXES if (path := beside / f"{image.path.stem}{suffix}").is_file()]
        if not named:
            raise _MapError(beside / f"{image.path.stem}{SUFFIXES[0]}", "this map is missing")
        files.append(named[0])
    if len(set(files)) < len(files):
        raise InputError("two test images have the same name but for the ending, so one map stands for both")
    return files


def _fill(result: CategoryResult, images: list[TestImage], files: dict[str, list[Path]]) -> None:
    """Read the ground truth and the maps of a category, and score it."""
    if not images:
        raise InputError("it has no test images")
    masks = {image.name: read_mask(image.mask) for image in images if image.mask is not None}
    first = next((image for image in images if image.mask is not None), None)
    size = _map_size(files[next(iter(files))][0]) if first is None else masks[first.name].shape
    for image in images:
        mask = masks.setdefault(image.name, np.zeros(size, dtype=bool))
        if mask.shape != size:
            assert image.mask is not None
            raise _MapError(image.mask, f"the mask is {_text(mask.shape)}, another image of the category {_text(size)}")
    result.images = [image.name for image in images]
    result.defect_types = [image.defect_type for image in images]
    result.labels = np.array([image.defect_type != GOOD for image in images], dtype=np.int8)
    result.masks = np.stack([masks[image.name] for image in images])
    for branch, paths in files.items():
        result.maps[branch] = np.stack([_read_map(path, size) for path in paths])
        result.scores[branch] = result.maps[branch].max(axis=(1, 2)).astype(np.float64)
    result.metrics = score_category(result, _as_is(result))
