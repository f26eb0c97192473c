"""The pictures of a cell as PNG: its images, their ground truth, and their anomaly maps on one scale a branch."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.cell_view import branch_values
from promptad_db.datasets import open_dataset
from promptad_db.datasets.images import read_image
from promptad_db.errors import InputError, NoRowsError, UsageError
from promptad_db.records import Render
from promptad_db.scoring import render_maps

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from promptad_db.ui.cells import Cell

SIDE = 240
_DARK_TO_BRIGHT = np.array(
    [(13, 8, 35), (78, 18, 92), (158, 40, 86), (223, 84, 52), (250, 158, 40), (252, 242, 150)], dtype=np.float64
)


def picture(cell: Cell, image: str, data_root: Path | None) -> bytes:
    """A test image at the size of its maps, looked up by name below the data root, and never outside of it.

    Raises NoRowsError when it is not there.
    """
    root = data_root_of(cell, data_root)
    if root is None:
        raise NoRowsError("no data root is known", "give one: promptad-db ui --data-root DIR")
    path = _files(root, cell.info.dataset, cell.category).get(image)
    if path is None:
        raise NoRowsError(f"{root}: has no test image {image} of {cell.category}", "give another --data-root")
    if not path.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{path}: leads out of the data root", "give --data-root the place where the files are")
    size = (cell.info.render.width, cell.info.render.height) if cell.info.render else (SIDE, SIDE)
    return _png(read_image(path).resize(size))


def truth(cell: Cell, image: str) -> bytes:
    """The ground-truth mask of an image, white on black."""
    masks = cell.result.masks
    if masks is None:
        raise NoRowsError(f"{cell.category}: no masks are stored", "only seg runs store them")
    return _png(_image(masks[_place(cell, image)].astype(np.uint8) * 255))


def anomaly_map(cell: Cell, image: str, branch: str) -> bytes:
    """The rendered map of one branch; black is the lowest score of the branch in this category, yellow the highest."""
    maps = branch_values(cell.result, branch, "pixel")
    height, width = maps.shape[1:]
    settings = cell.info.render or Render(height, width, "none", 0.0)
    place = _place(cell, image)
    rendered = render_maps(maps[place : place + 1].astype(np.float32), settings)[0]
    low, high = float(maps.min()), float(maps.max())
    share = np.clip((rendered - low) / (high - low or 1.0), 0, 1) * (len(_DARK_TO_BRIGHT) - 1)
    stops = np.arange(len(_DARK_TO_BRIGHT))
    channels = [np.interp(share, stops, _DARK_TO_BRIGHT[:, channel]) for channel in range(3)]
    return _png(_image(np.stack(channels, axis=-1).astype(np.uint8)))


def data_root_of(cell: Cell, given: Path | None) -> Path | None:
    """Where the images of a run are: the folder given, else where the run found them, None when it does not say."""
    told = cell.info.source.get("data_root")
    return given or (Path(told) if isinstance(told, str) and told else None)


def has_picture(cell: Cell, data_root: Path | None) -> bool:
    """Whether the test images of a cell are at hand."""
    root = data_root_of(cell, data_root)
    try:
        return root is not None and bool(_files(root, cell.info.dataset, cell.category))
    except (InputError, UsageError):
        return False


@lru_cache(maxsize=16)
def _files(root: Path, dataset: str, category: str) -> dict[str, Path]:
    found = open_dataset(dataset, root).category(category, verify=False)
    return {image.name: image.path for image in found.test}


def _place(cell: Cell, image: str) -> int:
    try:
        return cell.result.images.index(image)
    except ValueError as error:
        raise NoRowsError(f"{cell.category} has no image {image}", "choose one from its page") from error


def _image(pixels: NDArray[np.uint8]) -> Any:
    return _pillow().fromarray(pixels)


def _png(image: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=3)
    return file.getvalue()


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError("pictures need Pillow", "pip install 'promptad-db[ui]'") from error
    return Image
