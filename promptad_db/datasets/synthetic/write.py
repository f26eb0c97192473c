"""The synthetic set on disk, in the folder layout of MVTec AD."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

from promptad_db.datasets.synthetic.categories import CATEGORIES
from promptad_db.datasets.synthetic.draw import known_category, render
from promptad_db.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


def write_dataset(
    root: Path,
    *,
    seed: int = 0,
    categories: Sequence[str] | None = None,
    train: int = 8,
    test_good: int = 12,
    test_per_defect: int = 5,
) -> list[str]:
    """Write ``<root>/<category>/train|test|ground_truth/...`` and return the categories written, all by default.

    Picture i of a folder depends on the seed, its folder and i alone, not on how many are written.
    UsageError for an unknown category.
    """
    names = list(CATEGORIES if categories is None else categories)
    for name in names:
        known_category(name)
    for name in names:
        _write_folder(root, seed, name, "train", None, train)
        _write_folder(root, seed, name, "test", None, test_good)
        for defect in CATEGORIES[name].defects:
            _write_folder(root, seed, name, "test", defect, test_per_defect)
    return names


def generators(
    seed: int, category: str, split: str, defect: str | None, index: int
) -> tuple[np.random.Generator, np.random.Generator]:
    """The two generators of a picture: its own, and the look that all pictures of the category share."""
    folder = zlib.crc32(f"{category}/{split}/{defect or 'good'}".encode())
    return np.random.default_rng([seed, folder, index]), np.random.default_rng([seed, zlib.crc32(category.encode())])


def _write_folder(root: Path, seed: int, category: str, split: str, defect: str | None, count: int) -> None:
    folder = root / category / split / (defect or "good")
    folder.mkdir(parents=True, exist_ok=True)
    if defect is not None:
        (root / category / "ground_truth" / defect).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        rng, look = generators(seed, category, split, defect, index)
        picture, mask = render(category, rng, defect, look)
        _save(picture, folder / f"{index:03}.png")
        if defect is not None:
            _save(
                mask.astype(np.uint8) * np.uint8(255),
                root / category / "ground_truth" / defect / f"{index:03}_mask.png",
            )


def _save(array: NDArray[np.uint8], path: Path) -> None:
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError("writing images needs Pillow", "pip install 'promptad-db[images]'") from error
    # Level 1: noise hardly compresses, and the default level takes most of the time of writing a set.
    Image.fromarray(array).save(path, compress_level=1)
