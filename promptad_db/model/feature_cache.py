"""Features of images on disk, so that a later run over the same images need not encode them again.

An image's file is named by what its features depend on: the bytes of the image, the weights and how they are read.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from promptad_db.datasets.listing import read_bytes
from promptad_db.model.encoded import Encoded, ImageFeatures
from promptad_db.storage import files

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from promptad_db.datasets import LabelledImage
    from promptad_db.model.clip import ClipEncoder

_TENSORS = ("image", "patches", "memory_1", "memory_2")


class FeatureCache:
    """Features below ``root``, one safetensors file an image, about 2 MB each for ViT-B-16-plus-240.

    A file that cannot be read is no file: its image is encoded again, and the file replaced.
    """

    def __init__(self, root: Path, encoder: ClipEncoder) -> None:
        settings = [
            encoder.weights_sha256, encoder.precision, encoder.device.type, encoder.memory_tap,
            list(encoder.memory_layers), list(encoder.image_size),
        ]  # fmt: skip
        self._folder = root / hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]
        self._names: dict[Path, str] = {}

    def has(self, images: Sequence[LabelledImage]) -> bool:
        """Whether the features of all these images are there."""
        return all(self._place(image).is_file() for image in images) and self._readable(images)

    def load(self, images: Sequence[LabelledImage]) -> Encoded:
        """Features of all these images, with what encoding them cost then."""
        rows: list[list[torch.Tensor]] = []
        seconds = semantic_seconds = 0.0
        for image in images:
            with safe_open(self._place(image), "pt") as file:
                rows.append([file.get_tensor(name) for name in _TENSORS])
                metadata = file.metadata()
            seconds += float(metadata["seconds"])
            semantic_seconds += float(metadata["semantic_seconds"])
        tokens, patches, first, second = (torch.stack(column) for column in zip(*rows, strict=True))
        return Encoded(ImageFeatures(tokens, patches, (first, second)), seconds, semantic_seconds)

    def save(self, images: Sequence[LabelledImage], encoded: Encoded) -> None:
        """Write the features of each image, each file whole or not at all."""
        self._folder.mkdir(parents=True, exist_ok=True)
        features = encoded.features
        metadata = {
            "seconds": repr(encoded.seconds / len(images)),
            "semantic_seconds": repr(encoded.semantic_seconds / len(images)),
        }
        for index, image in enumerate(images):
            rows = (
                features.image[index],
                features.patches[index],
                features.memory[0][index],
                features.memory[1][index],
            )
            place = self._place(image)
            temporary = files.temporary_name(place)
            try:
                tensors = {name: row.contiguous() for name, row in zip(_TENSORS, rows, strict=True)}
                temporary.write_bytes(save(tensors, metadata))
                temporary.replace(place)
            finally:
                temporary.unlink(missing_ok=True)

    def _place(self, image: LabelledImage) -> Path:
        if image.path not in self._names:
            self._names[image.path] = hashlib.sha256(read_bytes(image.path)).hexdigest()
        return self._folder / f"{self._names[image.path]}.safetensors"

    def _readable(self, images: Sequence[LabelledImage]) -> bool:
        for image in images:
            try:
                with safe_open(self._place(image), "pt") as file:
                    if not set(_TENSORS) <= set(file.keys()) or "seconds" not in (file.metadata() or {}):
                        return False
            except (OSError, SafetensorError):
                return False
        return True
