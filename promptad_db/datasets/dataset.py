"""A dataset that was found on disk, and its categories: which images are normal shots, which are tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from promptad_db.datasets import layout, split_csv
from promptad_db.datasets.listing import is_folder
from promptad_db.errors import InputError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from promptad_db.datasets.layout import LabelledImage

Layout = Literal["folders", "split_csv"]


@dataclass(frozen=True)
class Category:
    """One category: ``train`` holds normal images alone; both parts are sorted by name.

    A name is unique in the category: train images are ``train/good/<file>``, test images ``<defect type>/<file>``.
    """

    dataset: str
    name: str
    train: tuple[LabelledImage, ...]
    test: tuple[LabelledImage, ...]


@dataclass(frozen=True)
class Dataset:
    """A dataset on disk. ``root`` is the folder in which its categories lie.

    ``layout`` is ``folders`` (MVTec AD, and VisA converted to its layout) or ``split_csv`` (VisA as published).
    """

    name: str
    root: Path
    layout: Layout
    categories: tuple[str, ...]

    def category(self, name: str, *, verify: bool = True, masks: bool = True) -> Category:
        """The images of one category, in an order that does not depend on the file system.

        ``verify`` refuses a category that cannot be evaluated: no train or no test images, an image or a mask that is
        not there (InputError); without ``masks`` only images are needed. Without ``verify`` such a category is returned
        as it is, a missing mask as the path where it should have been. Normal images in folders that are not called good
        are an InputError in any case. An unknown category is a UsageError that names those that exist.
        """
        self.require(name)
        try:
            category = self._from_table(name) if self.layout == "split_csv" else self._from_folders(name)
        except OSError as error:
            raise InputError(f"{error.filename or self.root}: cannot be listed ({error.strerror})") from error
        if verify:
            for part, images in (("train", category.train), ("test", category.test)):
                if not images:
                    raise InputError(f"{self.root}: {name} has no {part} images", "see all with --check-data")
                layout.require_files(images, masks=masks)
        return category

    def require(self, name: str) -> None:
        """UsageError when there is no such category."""
        if name not in self.categories:
            known = ", ".join(self.categories)
            raise UsageError(f"no category {name!r} of {self.name} in {self.root}", f"it has: {known}")

    def stray_masks(self, category: Category) -> list[Path]:
        """The mask files that belong to no test image of a category, sorted."""
        if self.layout == "split_csv":
            parts = split_csv.Split(category.train, category.test)
            return split_csv.stray_masks(self.root, category.name, parts)
        return layout.stray_masks(self.root / category.name, category.test)

    def _from_folders(self, name: str) -> Category:
        folder = self.root / name
        layout.require_good(folder)
        found = layout.list_test_images(folder, verify=False) if is_folder(folder / "test") else []
        test = sorted(found, key=lambda image: image.name)
        return Category(self.name, name, tuple(layout.list_train_images(folder)), tuple(test))

    def _from_table(self, name: str) -> Category:
        split = split_csv.read_split(self.root).get(name)
        if split is None:
            raise InputError(f"{self.root / split_csv.TABLE}: no longer has {name}")
        return Category(self.name, name, split.train, split.test)
