"""Reading a whole dataset once before a run, to list everything that is amiss with it."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from promptad_db.datasets.images import read_ground_truth, read_image
from promptad_db.datasets.listing import is_file
from promptad_db.datasets.overlap import identical_images
from promptad_db.errors import InputError
from promptad_db.result_set import ResultSet
from promptad_db.storage import is_remote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from promptad_db.datasets.dataset import Category, Dataset
    from promptad_db.datasets.layout import LabelledImage
    from promptad_db.datasets.masks import Mask

COLUMNS = (
    "dataset", "category", "train", "test_good", "test_anomalous", "defect_types", "masks", "image_sizes", "problems",
)  # fmt: skip
_AT_A_TIME = 8  # requests to a store
_REPLACE = "replace it by a whole copy or take it out"


@dataclass(frozen=True)
class DataCheck:
    """``rows``: one a category, with counts of images, defect types, readable masks and problems, and the image sizes.

    ``problems``: a line each, naming the file and how to fix it; empty for a sound dataset. A category that cannot be
    listed has None for its counts.
    """

    rows: ResultSet
    problems: list[str]


def check_dataset(
    dataset: Dataset,
    categories: Sequence[str] | None = None,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
    *,
    masks: bool = True,
) -> DataCheck:
    """Read every image and mask of the categories (all by default) and report what is amiss, without stopping.

    Looked for: unreadable images; masks that are missing, unreadable, empty, grey or of another size than their image;
    masks of no image; a category without train, normal or anomalous test images; test images equal to train images, byte by
    byte. Without ``masks`` none need be there. ``progress`` is called with the stage, the images read and all images. An
    unknown category is a UsageError.
    """
    names = list(dict.fromkeys(dataset.categories if categories is None else categories))
    for name in names:
        dataset.require(name)
    listed = {name: _listed(dataset, name) for name in names}
    total = sum(len(found.train) + len(found.test) for found in listed.values() if not isinstance(found, str))
    rows: list[tuple[str | int | None, ...]] = []
    problems = []
    done = count(1)
    with ThreadPoolExecutor(_AT_A_TIME if is_remote(dataset.root) else os.cpu_count()) as pool:
        for name, category in listed.items():
            if isinstance(category, str):
                rows.append((dataset.name, name, *(None,) * (len(COLUMNS) - 3), 1))
                problems.append(category)
                continue
            findings = _Findings()
            for finding in pool.map(partial(_read, masks=masks), (*category.train, *category.test)):
                findings.add(finding)
                progress("reading images", next(done), total)
            found = [*_gaps(dataset, category), *findings.problems, *_misfits(dataset, category)]
            rows.append(_row(category, findings, len(found)))
            problems += found
    return DataCheck(ResultSet(COLUMNS, rows), problems)


class _Finding(NamedTuple):
    """What reading one image and its mask brought to light; ``size`` is (width, height)."""

    size: tuple[int, int] | None
    has_mask: bool
    problems: list[str]


@dataclass
class _Findings:
    sizes: set[tuple[int, int]] = field(default_factory=set)
    masks: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, finding: _Finding) -> None:
        if finding.size is not None:
            self.sizes.add(finding.size)
        self.masks += finding.has_mask
        self.problems += finding.problems


def _listed(dataset: Dataset, name: str) -> Category | str:
    try:
        return dataset.category(name, verify=False)
    except InputError as error:
        return _line(error)


def _read(image: LabelledImage, *, masks: bool) -> _Finding:
    problems = []
    size = None
    try:
        size = read_image(image.path).size
    except InputError as error:
        problems.append(_line(error))
    if image.mask is None:
        return _Finding(size, has_mask=False, problems=problems)
    if not is_file(image.mask):
        problems += [f"{image.path}: has no mask; add {image.mask} or take the image out"] if masks else []
        return _Finding(size, has_mask=False, problems=problems)
    try:
        mask = read_ground_truth(image, empty=True)
    except InputError as error:
        return _Finding(size, has_mask=False, problems=[*problems, _line(error)])
    return _Finding(size, has_mask=True, problems=[*problems, *_of_mask(image, mask, size)])


def _of_mask(image: LabelledImage, mask: Mask, size: tuple[int, int] | None) -> Iterator[str]:
    """What is amiss with a mask that can be read, and whose image has the size (width, height)."""
    of_mask = (mask.pixels.shape[1], mask.pixels.shape[0])
    if size is not None and of_mask != size:
        yield f"{image.mask}: is {_text_of(of_mask)} and its image {_text_of(size)} pixels; draw it at the image's size"
    if not mask.pixels.any():
        yield f"{image.mask}: is empty though its image is anomalous; draw the defect or move {image.path} to good"
    if mask.thresholded:
        yield f"{image.mask}: holds greys, read as anomalous above half grey; save it as PNG of two values"


def _gaps(dataset: Dataset, category: Category) -> list[str]:
    """What a category lacks altogether."""
    parts: dict[str, Iterable[LabelledImage]] = {
        "train": category.train,
        "normal test": [image for image in category.test if not image.anomalous],
        "anomalous test": [image for image in category.test if image.anomalous],
    }
    return [
        f"{dataset.root}: {category.name} has no {part} images; add some or leave the category out"
        for part, images in parts.items()
        if not images
    ]


def _misfits(dataset: Dataset, category: Category) -> list[str]:
    """Masks of no image, and test images that were trained on."""
    strays = [
        f"{path}: is the mask of no test image; add its image or take it out" for path in dataset.stray_masks(category)
    ]
    return strays + [
        f"{image.path}: is a test image identical to the train image {other.path}; take one of the two out"
        for image, other in identical_images(category.test, category.train)
    ]


def _row(category: Category, findings: _Findings, problems: int) -> tuple[str | int, ...]:
    defect_types = [image.defect_type for image in category.test if image.anomalous]
    return (
        category.dataset,
        category.name,
        len(category.train),
        len(category.test) - len(defect_types),
        len(defect_types),
        len(set(defect_types)),
        findings.masks,
        _sizes(sorted(findings.sizes)),
        problems,
    )


def _sizes(sizes: list[tuple[int, int]]) -> str:
    """Widths and heights in pixels: the only one, or the smallest and the largest of several."""
    if len(sizes) <= 1:
        return "".join(map(_text_of, sizes))
    by_area = sorted(sizes, key=lambda size: (size[0] * size[1], size))
    return f"{_text_of(by_area[0])} to {_text_of(by_area[-1])} ({len(sizes)} sizes)"


def _text_of(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _line(error: InputError) -> str:
    """An error and its hint in one line."""
    return "; ".join(part for part in (error.args[0], error.hint or _REPLACE) if part)
