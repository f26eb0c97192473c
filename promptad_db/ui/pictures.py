"""The pictures of a cell as PNG: its images, their ground truth, and their anomaly maps on one scale a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from promptad_db.cells.pictures import data_root_of, image_paths, map_png, mask_png, picture_png
from promptad_db.cells.view import branch_values
from promptad_db.errors import NoRowsError
from promptad_db.records import Render
from promptad_db.scoring import render_maps

if TYPE_CHECKING:
    from pathlib import Path

    from promptad_db.ui.cells import CellPage

SIDE = 240


def picture(cell: CellPage, image: str, data_root: Path | None) -> bytes:
    """A test image at the size of its maps, looked up by name below the data root, and never outside of it.

    Raises NoRowsError when it is not there, InputError when it leads out of the data root.
    """
    root = data_root_of(cell.info, data_root)
    if root is None:
        raise NoRowsError("no data root is known", "give one: promptad-db ui --data-root DIR")
    path = image_paths(cell.info, cell.category, data_root).get(image)
    if path is None:
        raise NoRowsError(f"{root}: has no test image {image} of {cell.category}", "give another --data-root")
    render = cell.info.render
    return picture_png(path, (render.height, render.width) if render else (SIDE, SIDE), root)


def truth(cell: CellPage, image: str) -> bytes:
    """The ground-truth mask of an image, white on black."""
    masks = cell.result.masks
    if masks is None:
        raise NoRowsError(f"{cell.category}: no masks are stored", "only seg runs store them")
    mask = masks[_place(cell, image)]
    return mask_png(mask, mask.shape)


def anomaly_map(cell: CellPage, image: str, branch: str) -> bytes:
    """The rendered map of one branch; black is the lowest score of the branch in this category, yellow the highest."""
    maps = branch_values(cell.result, branch, "pixel")
    height, width = maps.shape[1:]
    settings = cell.info.render or Render(height, width, "none", 0.0)
    rendered = render_maps(maps[[_place(cell, image)]].astype(np.float32), settings)[0]
    return map_png(rendered, (float(maps.min()), float(maps.max())), rendered.shape)


def has_picture(cell: CellPage, data_root: Path | None) -> bool:
    """Whether the test images of a cell are at hand."""
    return bool(image_paths(cell.info, cell.category, data_root))


def _place(cell: CellPage, image: str) -> int:
    try:
        return cell.result.images.index(image)
    except ValueError as error:
        raise NoRowsError(f"{cell.category} has no image {image}", "choose one from its page") from error
