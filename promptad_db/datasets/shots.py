"""Which K normal images of a category are the shots: drawn by seed, or named by a file."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.storage.files import is_text, read_json, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptad_db.datasets.dataset import Category
    from promptad_db.datasets.layout import LabelledImage

RUNS_FILE = "selected_samples_per_run.txt"
_RUN = re.compile(r"#([1-9]\d{0,8}):((?:\s+\d{1,9})*)\s*", re.ASCII)
_K = re.compile(r"[1-9]\d{0,8}", re.ASCII)
_SHOWN = 8


def draw_shots(category: Category, k_shot: int, seed: int) -> tuple[LabelledImage, ...]:
    """K train images by seed, in the order drawn: the first K of one permutation, so K = 1 is a part of K = 2.

    The permutation depends on the seed (0 or larger), the category's name and the number of its train images, and on
    nothing else. Raises InputError when K is below 1 or above that number.
    """
    _require_k(category, k_shot)
    if seed < 0:
        raise InputError(f"the seed {seed} is negative", "give a seed of 0 or more")
    generator = np.random.default_rng([seed, zlib.crc32(category.name.encode())])
    order = generator.permutation(len(category.train))
    return tuple(category.train[index] for index in order[:k_shot])


@dataclass(frozen=True)
class ShotsFile:
    """Shots that somebody chose. ``choices`` maps a category to its lists by K; a list under None serves every K.

    A list holds names of train images, or indexes (from 0) into the train images sorted by name.
    """

    path: Path
    choices: dict[str, dict[int | None, tuple[str | int, ...]]]

    def shots(self, category: Category, k_shot: int) -> tuple[LabelledImage, ...]:
        """The K shots of a category in the order of the file; InputError, naming file and category, if it has not K."""
        _require_k(category, k_shot)
        where = f"{self.path}: {category.name}"
        chosen = self._chosen(category.name, k_shot)[:k_shot]
        twice = next((item for index, item in enumerate(chosen) if item in chosen[:index]), None)
        shots = tuple(_train_image(category, item, where) for item in chosen)
        if twice is not None or len({image.name for image in shots}) < k_shot:
            raise InputError(f"{where} has an image twice among its {k_shot} shots", "name each image once")
        return shots

    def _chosen(self, category: str, k_shot: int) -> tuple[str | int, ...]:
        lists = self.choices.get(category)
        if lists is None:
            raise InputError(
                f"{self.path}: no shots of {category} (it has {_first(sorted(self.choices))})", f"add {category}"
            )
        chosen = lists.get(k_shot, lists.get(None))
        if chosen is None:
            has = ", ".join(str(k) for k in sorted(k for k in lists if k is not None)) or "none"
            raise InputError(
                f"{self.path}: {category} has no shots for K = {k_shot} (it has K = {has})", f"add K = {k_shot}"
            )
        if len(chosen) < k_shot or (k_shot in lists and len(chosen) > k_shot):
            raise InputError(
                f"{self.path}: {category} has {len(chosen)} shots where K = {k_shot} needs {k_shot}",
                f"give it {k_shot} images, or ask for another --k-shot",
            )
        return chosen


def read_shots_file(path: Path) -> ShotsFile:
    """Read a JSON file of shots, or a folder in the layout of the public PromptAD code.

    The JSON is ``{category: [image, ...]}``, whose first K images are the shots, or ``{category: {"1": [image], "2":
    [image, image]}}``; an image is ``train/good/<file>`` or ``<file>`` alone. The folder has a file
    ``<category>/selected_samples_per_run.txt`` with lines ``#K: index index ...`` into the sorted train images.

    Raises InputError naming the file and the category.
    """
    return ShotsFile(path, _from_folder(path) if path.is_dir() else _from_json(path))


def _require_k(category: Category, k_shot: int) -> None:
    if not 1 <= k_shot <= len(category.train):
        raise InputError(
            f"{category.name} of {category.dataset}: K = {k_shot} shots asked for, and it has {len(category.train)} train images",
            f"give a --k-shot from 1 to {len(category.train)}" if category.train else "add train images",
        )


def _train_image(category: Category, item: str | int, where: str) -> LabelledImage:
    if isinstance(item, int):
        if item >= len(category.train):
            raise InputError(
                f"{where} has the index {item}, and there are {len(category.train)} train images (counted from 0)",
                "these shots were chosen from other files: check --data-root",
            )
        return category.train[item]
    found = [image for image in category.train if item in (image.name, image.path.name)]
    if not found:
        names = _first([image.name for image in category.train])
        raise InputError(f"{where} names {item!r}, which is no train image (there are {names})", "name one of these")
    return found[0]


def _from_json(path: Path) -> dict[str, dict[int | None, tuple[str | int, ...]]]:
    content = read_json(path)
    if not isinstance(content, dict):
        raise InputError(f"{path}: not an object of categories", 'write {"bottle": ["000.png", ...], ...}')
    choices: dict[str, dict[int | None, tuple[str | int, ...]]] = {}
    for category, lists in content.items():
        where = f"{path}: {category}"
        if isinstance(lists, dict):
            choices[category] = {_k_of(key, where): _names(names, where) for key, names in lists.items()}
        else:
            choices[category] = {None: _names(lists, where)}
    return choices


def _k_of(key: str, where: str) -> int:
    if not _K.fullmatch(key):
        raise InputError(f"{where}: {key!r} is not a number of shots", 'write "1", "2" or "4"')
    return int(key)


def _names(names: Any, where: str) -> tuple[str, ...]:
    if not isinstance(names, list) or not all(is_text(name) for name in names):
        raise InputError(f"{where} is not a list of image names", 'write ["000.png", "001.png"]')
    return tuple(names)


def _from_folder(folder: Path) -> dict[str, dict[int | None, tuple[str | int, ...]]]:
    files = sorted(folder.glob(f"*/{RUNS_FILE}"))
    if not files:
        raise InputError(f"{folder}: no shots (looked for <category>/{RUNS_FILE})", "give a JSON file or such a folder")
    return {file.parent.name: _runs_of(file) for file in files}


def _runs_of(file: Path) -> dict[int | None, tuple[str | int, ...]]:
    lines = read_text(file).splitlines()
    runs: dict[int | None, tuple[str | int, ...]] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        found = _RUN.fullmatch(line.strip())
        if found is None:
            raise InputError(f"{file}, line {number}: {line[:40]!r} is not of the form '#2: 101 48'")
        if int(found[1]) in runs:
            raise InputError(f"{file}, line {number}: K = {found[1]} comes twice", "take one of the lines out")
        runs[int(found[1])] = tuple(int(index) for index in found[2].split())
    return runs


def _first(names: Sequence[str]) -> str:
    more = f", ... ({len(names)} in all)" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
