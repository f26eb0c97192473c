"""Images and masks in the MVTec AD folder layout, which converted VisA copies share.

<category>/train/good/<name>.png
<category>/test/<defect type or good>/<name>.png
<category>/ground_truth/<defect type>/<name>_mask.png
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptad_db.datasets.listing import entries, is_file, is_folder
from promptad_db.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = [
    "GOOD", "IMAGE_SUFFIXES", "NORMAL_NAMES", "LabelledImage", "category_root", "defect_folders", "image_files", "is_category", "list_test_images",
    "list_train_images", "mask_places", "places", "require_files", "require_good", "stray_masks",
]  # fmt: skip

GOOD = "good"
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
VISA_SPLIT = "1cls"
NORMAL_NAMES = ("good", "ok", "normal", "nominal")


@dataclass(frozen=True)
class LabelledImage:
    """One image: its name, its file, its defect type, and its mask, None for a normal image.

    Test images are named ``<defect type>/<file>``, train images ``train/good/<file>``.
    """

    name: str
    path: Path
    defect_type: str
    mask: Path | None

    @property
    def anomalous(self) -> bool:
        """Whether the image is labelled 1."""
        return self.defect_type != GOOD


def places(data_root: Path, dataset: str) -> list[Path]:
    """Where a dataset may lie below a data root: it is the root, or is in it under its name or the VisA split's."""
    below = (data_root / dataset, data_root / VISA_SPLIT, data_root / dataset / VISA_SPLIT)
    return list(dict.fromkeys((data_root, *below)))


def is_category(folder: Path) -> bool:
    """Whether a folder holds test images, or train images that wait for some."""
    return is_folder(folder / "test") or is_folder(folder / "train" / GOOD)


def category_root(data_root: Path, dataset: str, category: str) -> Path:
    """The folder of a category below a data root that is the dataset itself or holds it; InputError if neither."""
    tried = [place / category for place in places(data_root, dataset)]
    for folder in tried:
        if is_folder(folder / "test"):
            return folder
    looked_for = " or ".join(str(folder / "test") for folder in tried)
    raise InputError(f"{data_root}: no test images of {category} (looked for {looked_for})", "check --data-root")


def defect_folders(category: Path) -> list[Path]:
    """The folders below ``test``, in the file system's own order."""
    test = category / "test"
    return [test / entry.name for entry in entries(test) if entry.is_folder and not entry.name.startswith(".")]


def list_test_images(
    category: Path, folders: Sequence[Path] | None = None, *, verify: bool = True
) -> list[LabelledImage]:
    """All test images, by the given order of defect folders (sorted by default), sorted by name within each.

    A missing mask is an InputError; without ``verify`` the mask is the path where it should have been. Normal images in a
    folder of another name than ``good`` are an InputError as well.
    """
    require_good(category)
    images = []
    for folder in sorted(defect_folders(category)) if folders is None else folders:
        for path in image_files(folder):
            mask = None if folder.name == GOOD else _mask_of(category, folder.name, path)
            images.append(LabelledImage(f"{folder.name}/{path.name}", path, folder.name, mask))
    if verify:
        require_files(images)
    return images


def require_good(category: Path) -> None:
    """InputError where normal images lie in folders that other datasets call ok, normal, ..., and none in ``good``."""
    others = []
    for part in ("train", "test"):
        folder = category / part
        names = [entry.name for entry in entries(folder) if entry.is_folder] if is_folder(folder) else []
        others += [folder / name for name in names if name.casefold() in NORMAL_NAMES and GOOD not in names]
    if others:
        found = ", ".join(f"{folder.parent.name}/{folder.name}" for folder in others)
        raise InputError(
            f"{category}: normal images must lie in train/{GOOD} and test/{GOOD} (found {found})",
            f"rename {' and '.join(map(str, others))} to {GOOD}",
        )


def list_train_images(category: Path) -> list[LabelledImage]:
    """The normal train images, sorted by name; empty when there is no folder of them."""
    folder = category / "train" / GOOD
    files = image_files(folder) if is_folder(folder) else []
    return [LabelledImage(f"train/{GOOD}/{path.name}", path, GOOD, None) for path in files]


def require_files(images: Sequence[LabelledImage], *, masks: bool = True) -> None:
    """InputError for the first image that is not there or, where ``masks`` are needed and it is anomalous, has none."""
    for image in images:
        if not is_file(image.path):
            raise InputError(
                f"{image.path}: no such image", "complete the dataset; --check-data lists all that is amiss"
            )
        if masks and image.mask is not None and not is_file(image.mask):
            raise InputError(
                f"{image.path}: has no mask (looked for {image.mask})",
                "add the mask or take the image out (--task cls needs no masks); --check-data lists all that is amiss",
            )


def mask_places(category: Path, defect_type: str, image: Path) -> list[Path]:
    """Where the mask of a test image may be, the likeliest first."""
    folder = category / "ground_truth" / defect_type
    names = (f"{image.stem}_mask.png", f"{image.stem}.png", image.name, f"{image.stem}_mask{image.suffix}")
    return [folder / name for name in dict.fromkeys(names)]


def stray_masks(category: Path, images: Sequence[LabelledImage]) -> list[Path]:
    """The files below ``ground_truth`` that are no mask of these test images, sorted."""
    wanted = {place for image in images for place in mask_places(category, image.defect_type, image.path)}
    truth = category / "ground_truth"
    folders = sorted(truth / entry.name for entry in entries(truth) if entry.is_folder) if is_folder(truth) else []
    return [path for folder in folders for path in image_files(folder) if path not in wanted]


def _mask_of(category: Path, defect_type: str, image: Path) -> Path:
    tried = mask_places(category, defect_type, image)
    return next((path for path in tried if is_file(path)), tried[0])


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder, sorted by name; a dangling link is one of them, and is missed by who reads it."""
    names = [entry.name for entry in entries(folder) if _is_image_name(entry.name) and not entry.is_folder]
    return [folder / name for name in sorted(names)]


def _is_image_name(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not name.startswith(".")
