"""Anomaly maps in the layout of the MVTec evaluation: one TIFF or NumPy file of floats a test image and branch.

    <maps of a branch>/<category>/test/<defect>/<id>.tiff        the size of the ground truth, which stands in
    <data root>/<category>/test/<defect>/<id>.png
    <data root>/<category>/ground_truth/<defect>/<id>_mask.png   for every defect but ``good``

Maps are scored as they are, neither resized nor smoothed. A category is taken whole or not at all: every test image must
have a map in every branch, and all of them one size. Only images are scored where the task is cls and masks are missing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from promptad_db.datasets.images import read_ground_truth
from promptad_db.datasets.layout import LabelledImage, category_root, is_category, list_test_images
from promptad_db.datasets.listing import is_file
from promptad_db.errors import InputError, UsageError
from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject
from promptad_db.ingestion.readers.map_files import SUFFIXES, MapError, Size
from promptad_db.ingestion.readers.map_files import read_map as _read_map
from promptad_db.ingestion.readers.map_files import tifffile_module as _tifffile
from promptad_db.limits import LARGEST_CATEGORY
from promptad_db.precision import shortest
from promptad_db.records import CategoryResult, Render, Task
from promptad_db.scoring import score_category

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

    from promptad_db.datasets.masks import Mask

KIND = "mvtec-maps"


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
        try:
            folder = category_root(data_root, run.dataset, category)
            images = list_test_images(folder, verify=run.task == "seg")
            folders = {branch: maps / category / "test" for branch, maps in options.branches.items()}
            files = {branch: _map_files(maps, images) for branch, maps in folders.items()}
            run.categories[category] = _read_category(category, images, files, run.task)
        except (InputError, OSError, MemoryError) as error:
            path = getattr(error, "path", next(iter(options.branches.values())) / category)
            reason = (
                "too large for the memory" if isinstance(error, MemoryError) else "; ".join(str(error).split("\n  "))
            )
            reject(path, f"{category} is left out: {reason}")
            continue
        run.files.update(path for maps in files.values() for path in maps)
        run.notes += _notes(category, folder, images, folders)
    run.notes += _categories_without_maps(data_root, run)
    settings = {_as_is(result) for result in run.categories.values()}
    run.render = settings.pop() if len(settings) == 1 else None
    if run.categories:
        yield run


def _run(options: ImportOptions) -> tuple[ImportedRun, Path]:
    if options.data_root is None:
        raise UsageError(
            "anomaly maps need the ground truth beside them", "give --data-root, the dataset in MVTec AD layout"
        )
    dataset = options.dataset or options.data_root.resolve().name
    if not dataset:
        raise UsageError(f"{options.data_root}: its name does not tell the dataset", "give --dataset")
    if options.k_shot is None:
        raise UsageError("anomaly maps do not tell K", "give --k-shot")
    experiment, method, task = options.experiment or KIND, options.method or "unknown", options.task or "seg"
    run = ImportedRun(KIND, experiment, method, task, dataset, options.k_shot, options.seed)
    return run, options.data_root


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


def _map_files(folder: Path, images: list[LabelledImage]) -> list[Path]:
    """The map of each image, by the image's defect type and name without its ending."""
    files, missing = [], []
    for image in images:
        tried = [folder / image.defect_type / f"{image.path.stem}{suffix}" for suffix in SUFFIXES]
        named = [path for path in tried if path.is_file()]
        files += named[:1]
        missing += [] if named else tried[:1]
    if missing:
        more = f", and so are {len(missing) - 1} more of {len(images)}" if len(missing) > 1 else ""
        raise MapError(missing[0], f"this map is missing{more}", "add it, or take its test image out of --data-root")
    if len(set(files)) < len(files):
        raise InputError("two test images have the same name but for the ending, so one map stands for both")
    return files


def _notes(category: str, root: Path, images: list[LabelledImage], folders: Mapping[str, Path]) -> Iterator[str]:
    """What a user must know of a category: maps of no image, and masks that are missing."""
    known = {(image.defect_type, image.path.stem) for image in images}
    branches_of: dict[tuple[Path, ...], list[str]] = defaultdict(list)
    for branch, folder in folders.items():
        found = sorted(path for path in folder.glob("*/*") if path.suffix in SUFFIXES)
        strays = (path.relative_to(folder) for path in found if (path.parent.name, path.stem) not in known)
        branches_of[tuple(strays)].append(branch)
    for unknown, branches in branches_of.items():
        if unknown:
            maps = f"{len(unknown)} maps of {' and of '.join(branches)}, such as {unknown[0]}, are"
            yield f"{category}: {maps} of no test image in {root / 'test'}, and are left out"
    anomalous = [image for image in images if image.mask is not None]
    missing = [image for image in anomalous if not _has_mask(image)]
    if missing:
        lacking = f"{len(missing)} of {len(anomalous)} anomalous images have no mask, such as {missing[0].name}"
        yield f"{category}: {lacking}; its images are scored, not its pixels"


def _categories_without_maps(data_root: Path, run: ImportedRun) -> Iterator[str]:
    """Categories of the dataset that are beside those with maps, in one sentence."""
    for root in {category_root(data_root, run.dataset, category).parent for category in run.categories}:
        others = sorted(path.name for path in root.iterdir() if is_category(path) and path.name not in run.categories)
        if others:
            named = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")  # noqa: PLR2004
            yield f"{len(others)} categories in {root} have no maps that were taken: {named}"


def _has_mask(image: LabelledImage) -> bool:
    return image.mask is None or is_file(image.mask)


def _read_category(
    category: str, images: list[LabelledImage], files: Mapping[str, list[Path]], task: Task
) -> CategoryResult:
    """Read the ground truth and the maps of a category, and score it."""
    if not images:
        raise InputError("it has no test images")
    result = CategoryResult(
        category,
        images=[image.name for image in images],
        defect_types=[image.defect_type for image in images],
        labels=np.array([image.anomalous for image in images], dtype=np.int8),
    )
    masked = (
        [image for image in images if image.mask is not None] if task == "seg" or all(map(_has_mask, images)) else []
    )
    size = _size_of_mask(masked[0]) if masked else _size_of_map(next(iter(files.values()))[0])
    if len(images) * size.height * size.width > LARGEST_CATEGORY:
        raise InputError(f"{len(images)} maps of {size.height} x {size.width} are more than a category can hold")
    if masked or task == "seg":
        _read_masks(images, size, result)
    for branch, paths in files.items():
        maps = result.maps[branch] = _read_maps(paths, size)
        result.scores[branch] = maps.max(axis=(1, 2)).astype(np.float64)
    result.metrics = score_category(result, _as_is(result))
    return result


def _read_masks(images: list[LabelledImage], size: Size, result: CategoryResult) -> None:
    masks = result.masks = np.zeros((len(images), size.height, size.width), dtype=bool)
    thresholded = np.zeros(len(images), dtype=bool)
    for row, image in enumerate(images):
        if image.mask is not None:
            mask = _read_mask(image)
            size.check(image.mask, mask.pixels.shape)
            masks[row], thresholded[row] = mask
    result.thresholded = thresholded if thresholded.any() else None


def _read_maps(paths: Sequence[Path], size: Size) -> NDArray[Any]:
    """Maps [N, height, width] in float32, or float64 where float32 would make different scores equal."""
    render = (
        f"write maps of that size, or log them with start_run(render=({size.height}, {size.width})), which renders them"
    )
    maps: NDArray[Any] = np.zeros((len(paths), size.height, size.width), dtype=np.float32)
    for row, path in enumerate(paths):
        pixels = _read_map(path, size, hint=render)
        maps = maps.astype(np.promote_types(maps.dtype, pixels.dtype), copy=False)
        maps[row] = pixels
    return shortest(maps)


def _size_of_mask(image: LabelledImage) -> Size:
    assert image.mask is not None
    height, width = _read_mask(image).pixels.shape
    return Size(height, width, image.mask)


def _size_of_map(path: Path) -> Size:
    """The size that maps have which no mask decides for."""
    height, width = _read_map(path, None).shape
    return Size(height, width, path)


def _as_is(result: CategoryResult) -> Render | None:
    if result.masks is None:
        return None
    _, height, width = result.masks.shape
    return Render(height, width, "none", 0.0)


def _read_mask(image: LabelledImage) -> Mask:
    try:
        return read_ground_truth(image)
    except InputError as error:
        assert image.mask is not None
        raise MapError(image.mask, error.args[0].removeprefix(f"{image.mask}: "), error.hint) from error
