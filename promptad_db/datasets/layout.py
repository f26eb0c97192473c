"""Test images and masks in the MVTec AD folder layout, which converted VisA copies share.

<category>/test/<defect type or good>/<name>.png
<category>/ground_truth/<defect type>/<name>_mask.png
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

GOOD = "good"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")


@dataclass(frozen=True)
class LabelledImage:
    """One test image: its name (defect/file), its defect type, and its mask, None for a normal image."""

    name: str
    path: Path
    defect_type: str
    mask: Path | None


def category_root(data_root: Path, dataset: str, category: str) -> Path:
    """The folder of a category below a data root that is the data set itself or holds it; InputError if neither."""
    tried = [data_root / category, data_root / dataset / category]
    for folder in tried:
        if (folder / "test").is_dir():
            return folder
    looked_for = " or ".join(str(folder / "test") for folder in tried)
    raise InputError(f"{data_root}: no test images of {category} (looked for {looked_for})", "check --data-root")


def defect_folders(category: Path) -> list[Path]:
    """The folders below ``test``, in the file system's own order."""
    with os.scandir(category / "test") as entries:
        return [Path(entry.path) for entry in entries if entry.is_dir() and not entry.name.startswith(".")]


def list_test_images(category: Path, folders: Sequence[Path] | None = None) -> list[LabelledImage]:
    """All test images, by the given order of defect folders (sorted by default), sorted by name within each."""
    images = []
    for folder in sorted(defect_folders(category)) if folders is None else folders:
        for path in sorted(folder.iterdir()):
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith("."):
                mask = None if folder.name == GOOD else _mask_of(category, folder.name, path)
                images.append(LabelledImage(f"{folder.name}/{path.name}", path, folder.name, mask))
    return images


def read_mask(path: Path, size: tuple[int, int] | None = None) -> NDArray[np.bool_]:
    """A ground-truth mask as booleans [height, width], resized by nearest neighbour when a size is given."""
    image_module = _pillow()
    try:
        with image_module.open(path) as image:
            grey = image.convert("L")
            if size is not None and grey.size != (size[1], size[0]):
                grey = grey.resize((size[1], size[0]), image_module.Resampling.NEAREST)
            mask: NDArray[np.bool_] = np.asarray(grey) > 0
            return mask
    except (OSError, ValueError, SyntaxError, TypeError, image_module.DecompressionBombError) as error:
        raise InputError(f"{path}: not a readable image ({error})") from error


def _mask_of(category: Path, defect_type: str, image: Path) -> Path:
    folder = category / "ground_truth" / defect_type
    for name in (f"{image.stem}_mask.png", f"{image.stem}.png", image.name):
        if (folder / name).is_file():
            return folder / name
    raise InputError(f"{image}: has no mask (looked for {folder / (image.stem + '_mask.png')})")


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise UsageError("reading masks needs Pillow", "pip install 'promptad-db[images]'") from error
    return Image
