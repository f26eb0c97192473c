"""Anomaly maps in the layout of the MVTec evaluation: one TIFF of floats a test image and branch.

    <maps of a branch>/<category>/test/<defect>/<id>.tiff        the size of the ground truth, which stands in
    <data root>/<category>/test/<defect>/<id>.png
    <data root>/<category>/ground_truth/<defect>/<id>_mask.png   for every defect but ``good``

Maps are scored as they are, neither resized nor smoothed. A category is taken whole or not at all: every test image must
have a map in every branch, and all of them one size.
"""

from __future__ import annotations

import logging
import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from promptad_db.datasets.images import read_mask
from promptad_db.datasets.layout import GOOD, LabelledImage, category_root, list_test_images
from promptad_db.errors import InputError, UsageError
from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject
from promptad_db.limits import LARGEST_CATEGORY, LARGEST_PICTURE
from promptad_db.records import CategoryResult, Render
from promptad_db.scoring import score_category
from promptad_db.storage.files import require_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

KIND = "mvtec-maps"
SUFFIXES = (".tiff", ".tif")
# Compressions that unpack to the size that the file declares; the others are images with a size of their own inside.
COMPRESSIONS = {"NONE", "LZW", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "LZMA", "ZSTD"}
INSTALL = "pip install 'promptad-db[images]'"


class _Size(NamedTuple):
    """The size that all masks and maps of a category have, because this one has it."""

    height: int
    width: int
    path: Path

    def check(self, path: Path, shape: Sequence[int]) -> None:
        if tuple(shape) != (self.height, self.width):
            found = " x ".join(map(str, shape))
            raise _MapError(path, f"it is {found}, but {self.path} is {self.height} x {self.width}")


class _MapError(InputError):
    """A file because of which its category cannot be taken."""

    def __init__(self, path: Path, reason: str, hint: str = "") -> None:
        super().__init__(reason, hint)
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
            images = list_test_images(category_root(data_root, run.dataset, category))
            folders = {branch: folder / category / "test" for branch, folder in options.branches.items()}
            files = {branch: _map_files(folder, images) for branch, folder in folders.items()}
            _fill(result, images, files)
        except (InputError, OSError, MemoryError) as error:
            path = getattr(error, "path", next(iter(options.branches.values())) / category)
            reason = "too large for the memory" if isinstance(error, MemoryError) else error
            reject(path, f"{category} is left out: {reason}")
            continue
        run.categories[category] = result
        run.files.update(path for maps in files.values() for path in maps)
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


def _fill(result: CategoryResult, images: list[LabelledImage], files: dict[str, list[Path]]) -> None:
    """Read the ground truth and the maps of a category, and score it."""
    if not images:
        raise InputError("it has no test images")
    size = _size(images, next(iter(files.values()))[0])
    result.images = [image.name for image in images]
    result.defect_types = [image.defect_type for image in images]
    result.labels = np.array([image.defect_type != GOOD for image in images], dtype=np.int8)
    if len(images) * size.height * size.width > LARGEST_CATEGORY:
        raise InputError(f"{len(images)} maps of {size.height} x {size.width} are more than a category can hold")
    result.masks = np.zeros((len(images), size.height, size.width), dtype=bool)
    for row, image in enumerate(images):
        if image.mask is not None:
            mask = _read_mask(image.mask)
            size.check(image.mask, mask.shape)
            result.masks[row] = mask
    for branch, paths in files.items():
        maps = result.maps[branch] = np.empty(result.masks.shape, dtype=np.float32)
        for row, path in enumerate(paths):
            maps[row] = _read_map(path, size)
        result.scores[branch] = maps.max(axis=(1, 2)).astype(np.float64)
    result.metrics = score_category(result, _as_is(result))


def _size(images: list[LabelledImage], first_map: Path) -> _Size:
    """The size of the first mask; a category of normal images alone has the size of its first map."""
    for image in images:
        if image.mask is not None:
            height, width = _read_mask(image.mask).shape
            return _Size(height, width, image.mask)
    height, width = _read_map(first_map, None).shape
    return _Size(height, width, first_map)


def _as_is(result: CategoryResult) -> Render:
    assert result.masks is not None
    _, height, width = result.masks.shape
    return Render(height, width, "none", 0.0)


def _read_mask(path: Path) -> NDArray[np.bool_]:
    try:
        return read_mask(path)
    except InputError as error:
        raise _MapError(path, str(error).removeprefix(f"{path}: ")) from error


def _read_map(path: Path, size: _Size | None) -> NDArray[np.float32]:
    """A map [height, width] of finite numbers."""
    require_file(path)
    try:
        with _tifffile().TiffFile(path) as file, np.errstate(over="ignore"):
            shape = _declared_shape(path, file, size)
            pixels: NDArray[np.float32] = file.pages[0].asarray().astype(np.float32)
    except _MapError:
        raise
    except Exception as error:  # tifffile raises nearly anything on damaged files
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise _MapError(path, f"not a readable TIFF ({reason})", INSTALL if "imagecodecs" in reason else "") from error
    if pixels.shape != shape:
        raise _MapError(path, "a part of its pixels is missing")
    if not np.isfinite(pixels).all():
        raise _MapError(path, "the map holds NaN or infinite values")
    return pixels


def _declared_shape(path: Path, file: Any, size: _Size | None) -> tuple[int, ...]:
    """The shape that a TIFF declares, checked before its pixels are read: a small file can declare a huge image."""
    # Of a series tifffile would follow the file names in its metadata, a page is in this file alone.
    page = file.pages[0]
    shape: tuple[int, ...] = page.shape
    if len(file.pages) > 1 or len(shape) != 2:  # noqa: PLR2004 - rows and columns
        raise _MapError(path, f"it holds {len(file.pages)} images of shape {list(shape)}, wanted one [height, width]")
    if page.dtype is None or page.dtype.kind != "f":
        raise _MapError(path, f"it holds {page.dtype}, an anomaly map holds floats")
    if size is not None:
        size.check(path, shape)
    if max(shape[0] * shape[1], math.prod(page.chunks)) > LARGEST_PICTURE:
        raise _MapError(path, f"it declares {shape[0]:,} x {shape[1]:,} pixels, too many to read")
    if page.compression.name not in COMPRESSIONS:
        raise _MapError(path, f"its compression {page.compression.name} is not read", "write it with zlib or none")
    if min((*page.dataoffsets, *page.databytecounts), default=0) < 1:
        raise _MapError(path, "a part of its pixels is missing")
    return shape


@cache
def _tifffile() -> Any:
    try:
        import tifffile
    except ImportError as error:
        raise UsageError("reading anomaly maps needs tifffile", INSTALL) from error
    # What is wrong with a file is said in the rejection, not in a log as well.
    logging.getLogger("tifffile").addHandler(logging.NullHandler())
    return tifffile
