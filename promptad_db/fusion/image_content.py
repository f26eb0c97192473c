"""What tells the images of a category from those of another one, whatever they are called."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from promptad_db.records import BRANCHES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from promptad_db.records import CategoryResult


@dataclass(frozen=True)
class ImageContent:
    """What tells the images of a category from others: the pairs of ``scores`` and the ``masks`` that only one of them
    has, as hashes, and a hash of its image names with their ground truth.
    """

    scores: frozenset[bytes]
    masks: frozenset[bytes]
    listing: bytes


def content_of(result: CategoryResult) -> ImageContent:
    """The content of a category that holds both branches."""
    pairs = np.stack([result.scores[branch].astype(np.float64) for branch in BRANCHES], axis=1)
    masks = [b""] * len(result.images) if result.masks is None else [_hash(np.packbits(mask)) for mask in result.masks]
    labels = [None] * len(result.images) if result.labels is None else result.labels.tolist()
    listed = sorted(zip(result.images, map(str, labels), masks, strict=True))
    return ImageContent(
        _single(pair.tobytes() for pair in pairs),
        _single(mask for mask, label in zip(masks, labels, strict=True) if mask and label),
        hashlib.sha256(repr(listed).encode()).digest(),
    )


def _single(contents: Iterable[bytes]) -> frozenset[bytes]:
    return frozenset(content for content, count in Counter(contents).items() if count == 1)


def _hash(mask: NDArray[np.uint8]) -> bytes:
    return hashlib.sha256(mask.tobytes()).digest()
