"""Test images that are train images: the same file, or another file with the same bytes."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from typing import TYPE_CHECKING

from promptad_db.datasets.listing import read_bytes, size_of
from promptad_db.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptad_db.datasets.layout import LabelledImage


def support_in_test(shots: Sequence[LabelledImage], test: Sequence[LabelledImage]) -> list[str]:
    """The names of test images that are support images by path or by content, in the order of ``test``.

    A support image must not be tested. Files that cannot be read are in nobody's way here: reading them says so.
    """
    return [image.name for image, _ in identical_images(test, shots)]


def identical_images(
    images: Sequence[LabelledImage], others: Sequence[LabelledImage]
) -> list[tuple[LabelledImage, LabelledImage]]:
    """Each image that has an equal among ``others`` (same file, or same sha256), with the first such equal.

    Only files of equal size are hashed, each once.
    """
    of_size: dict[int, list[LabelledImage]] = defaultdict(list)
    for other in others:
        of_size[_size(other.path)].append(other)
    of_size.pop(-1, None)
    hashes: dict[Path, bytes | None] = {}
    pairs = []
    for image in images:
        candidates = of_size.get(_size(image.path), [])
        equal = next((other for other in candidates if _same(image.path, other.path, hashes)), None)
        if equal is not None:
            pairs.append((image, equal))
    return pairs


def _same(path: Path, other: Path, hashes: dict[Path, bytes | None]) -> bool:
    if path == other:
        return True
    for file in (path, other):
        if file not in hashes:
            hashes[file] = _sha256(file)
    return hashes[path] is not None and hashes[path] == hashes[other]


def _size(path: Path) -> int:
    try:
        return size_of(path)
    except OSError:
        return -1


def _sha256(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(read_bytes(path)).digest()
    except (OSError, InputError):
        return None
