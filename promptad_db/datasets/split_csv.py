"""VisA as it is published: a table of its images, ``split_csv/1cls.csv``, says which is what.

object,split,label,image,mask
candle,train,normal,candle/Data/Images/Normal/0836.JPG,
candle,test,anomaly,candle/Data/Images/Anomaly/000.JPG,candle/Data/Masks/Anomaly/000.png

Zou et al., ECCV 2022. Its one-class split is the one that PromptAD and others evaluate on.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from promptad_db.datasets.layout import GOOD, LabelledImage, image_files
from promptad_db.datasets.listing import is_folder
from promptad_db.errors import InputError
from promptad_db.storage.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

TABLE = Path("split_csv") / "1cls.csv"
BAD = "bad"
_COLUMNS = ("object", "split", "label", "image", "mask")
_SPLITS = ("train", "test")
_NO_PATH = "\\:\0"
_DEFECT_TYPES = {"normal": GOOD, "anomaly": BAD}


@dataclass(frozen=True)
class Split:
    """The images of one category by the table: ``train`` holds normal images alone."""

    train: tuple[LabelledImage, ...]
    test: tuple[LabelledImage, ...]


def read_split(root: Path) -> dict[str, Split]:
    """The categories of the table, each with its images sorted by name; whether the files exist is not looked at.

    Test images are named ``good/<file>`` and ``bad/<file>``, as in the converted copies. Raises InputError with the
    line for a table that cannot be trusted: a column missing, an unknown split or label, a path that leaves the root,
    an image that comes twice.
    """
    images: dict[str, dict[str, LabelledImage]] = {}
    for line, row in _rows(root / TABLE):
        where = f"{root / TABLE}, line {line}"
        image = _labelled(root, row, where)
        of_category = images.setdefault(row["object"], {})
        if image.name in of_category:
            raise InputError(f"{where}: {row['object']} has {image.name} twice", "take one of the two lines out")
        of_category[image.name] = image
    return {category: _split_of(images[category]) for category in sorted(images)}


def stray_masks(root: Path, category: str, split: Split) -> list[Path]:
    """The mask files of a category that no test image of the table names, sorted."""
    named = {image.mask for image in split.test}
    folder = root / category / "Data" / "Masks" / "Anomaly"
    return [path for path in image_files(folder) if path not in named] if is_folder(folder) else []


def _split_of(images: dict[str, LabelledImage]) -> Split:
    ordered = [images[name] for name in sorted(images)]
    train = [image for image in ordered if image.name.startswith("train/") and not image.anomalous]
    return Split(tuple(train), tuple(image for image in ordered if not image.name.startswith("train/")))


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """The rows of the table with their line numbers, every column a stripped text."""
    reader = csv.DictReader(io.StringIO(read_text(table), newline=""), strict=True)
    try:
        missing = [column for column in _COLUMNS if column not in (reader.fieldnames or ())]
        if missing:
            found = ", ".join(reader.fieldnames or ()) or "nothing"
            raise InputError(
                f"{table}: no column {', '.join(missing)} (looked for {', '.join(_COLUMNS)}; found {found})",
                "give the dataset its own split_csv/1cls.csv",
            )
        for row in reader:
            yield reader.line_num, {column: (row[column] or "").strip() for column in _COLUMNS}
    except csv.Error as error:
        raise InputError(f"{table}: not a CSV table ({error})") from error


def _labelled(root: Path, row: dict[str, str], where: str) -> LabelledImage:
    category, split, label = row["object"], row["split"], row["label"]
    if category in {"", ".."} or PurePosixPath(category).name != category or any(mark in category for mark in _NO_PATH):
        raise InputError(f"{where}: {category!r} is not the name of an object")
    if split not in _SPLITS:
        raise InputError(f"{where}: the split {split!r} is neither {_SPLITS[0]} nor {_SPLITS[1]}")
    if label not in _DEFECT_TYPES:
        raise InputError(f"{where}: the label {label!r} is neither normal nor anomaly")
    image = _inside(row["image"], where)
    defect_type = _DEFECT_TYPES[label]
    # An anomaly without a mask in the table may still have one where masks are; if not, that path is what is missed.
    mask = _inside(row["mask"] or f"{category}/Data/Masks/Anomaly/{image.stem}.png", where)
    name = f"{defect_type}/{image.name}" if split == "test" else f"train/{defect_type}/{image.name}"
    return LabelledImage(name, root / image, defect_type, None if defect_type == GOOD else root / mask)


def _inside(text: str, where: str) -> PurePosixPath:
    """A path of the table, if it stays below the root."""
    path = PurePosixPath(text)
    if not path.name or path.is_absolute() or ".." in path.parts or any(mark in text for mark in _NO_PATH):
        raise InputError(f"{where}: the path {text!r} does not lead to a file below the data root")
    return path
