"""Every image of a category is encoded once, and what all runs over it share is kept.

The image encoder is frozen, so K, task, seed, epoch and variant change nothing here: class tokens and value-value
patches of the test images, and how similar their patches are to those of every shot.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from promptad_db.datasets.images import read_images
from promptad_db.model.encoded import Encoded, ImageFeatures
from promptad_db.model.promptad import nearest_similarities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor

    from promptad_db.datasets import LabelledImage
    from promptad_db.model.clip import ClipEncoder
    from promptad_db.model.feature_cache import FeatureCache

    Gallery = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class CategoryFeatures:
    """Features of the N test images of a category, on the CPU.

    ``image`` [N, D] and ``patches`` [N, P, D] are empty when no run needs the semantic branch. ``similarities`` holds,
    by the name of a gallery image, how similar each test patch is to its nearest patch there: [2, N, P], a depth each.
    The seconds are those of encoding the test images, of the part of it that only the semantic branch needs, and of
    the search in one gallery image.
    """

    image: Tensor
    patches: Tensor
    similarities: dict[str, Tensor]
    encode_seconds: float
    semantic_seconds: float
    search_seconds: float


def encode_shots(
    encoder: ClipEncoder, shots: Mapping[str, LabelledImage], cache: FeatureCache | None = None
) -> dict[str, Encoded]:
    """Features of the shots by name; each is encoded by itself, so that it does not depend on what else is asked for."""
    return {name: _encode(encoder, None, [shot], cache) for name, shot in shots.items()}


def encode_test_images(
    encoder: ClipEncoder,
    images: Sequence[LabelledImage],
    galleries: Mapping[str, Gallery],
    *,
    semantic: bool = True,
    batch_size: int = 16,
    cache: FeatureCache | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> CategoryFeatures:
    """Encode the test images in batches and compare their patches with each gallery image (two of [P, W]).

    Without ``semantic`` only the memory features are computed, and the blocks behind them are left out. ``progress``
    is called with how many images are done, and of how many.
    """
    names = list(galleries)
    first, second = (torch.stack([galleries[name][depth] for name in names]) for depth in (0, 1))
    gallery = (first.to(encoder.device), second.to(encoder.device))
    encoded: list[Encoded] = []
    similarities: list[Tensor] = []
    search_seconds = 0.0
    done = 0
    for batch, pixels in _read_ahead(encoder, images, batch_size, cache):
        one = _encode(encoder, pixels, batch, cache, semantic=semantic)
        started = time.perf_counter()
        memory = one.features.memory
        on_device = (memory[0].to(encoder.device), memory[1].to(encoder.device))
        similarities.append(nearest_similarities(on_device, gallery).cpu())
        search_seconds += time.perf_counter() - started
        encoded.append(one.without_memory())
        done += len(batch)
        progress(done, len(images))
    return CategoryFeatures(
        torch.cat([one.features.image for one in encoded]),
        torch.cat([one.features.patches for one in encoded]),
        dict(zip(names, torch.cat(similarities, dim=2), strict=True)),
        sum(one.seconds for one in encoded),
        sum(one.semantic_seconds for one in encoded),
        search_seconds / len(names),
    )


def _read_ahead(
    encoder: ClipEncoder, images: Sequence[LabelledImage], batch_size: int, cache: FeatureCache | None
) -> Iterator[tuple[Sequence[LabelledImage], Tensor | None]]:
    """Batches of images with their pixels, of which the next one is read while this one is encoded.

    The pixels are None where the cache has all features of a batch.
    """
    batches = [images[start : start + batch_size] for start in range(0, len(images), batch_size)]

    def read(batch: Sequence[LabelledImage]) -> Tensor | None:
        return None if cache is not None and cache.has(batch) else _pixels(encoder, batch)

    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = reader.submit(read, batches[0])
        for index, batch in enumerate(batches):
            pixels = waiting.result()
            if index + 1 < len(batches):
                waiting = reader.submit(read, batches[index + 1])
            yield batch, pixels


def _pixels(encoder: ClipEncoder, images: Sequence[LabelledImage]) -> Tensor:
    return encoder.preprocess(read_images(images))


def _encode(
    encoder: ClipEncoder,
    pixels: Tensor | None,
    images: Sequence[LabelledImage],
    cache: FeatureCache | None,
    *,
    semantic: bool = True,
) -> Encoded:
    if cache is not None and cache.has(images):
        return cache.load(images)
    pixels = _pixels(encoder, images) if pixels is None else pixels
    before = dict(encoder.seconds)
    if semantic:
        encoded_images = encoder.encode_images(pixels)
    else:
        memory = encoder.encode_memory(pixels)
        encoded_images = ImageFeatures(memory[0][:0, 0], memory[0][:0], memory)
    semantic_seconds = encoder.seconds["semantic"] - before["semantic"]
    seconds = encoder.seconds["shared"] - before["shared"] + semantic_seconds
    encoded = Encoded(encoded_images.on_cpu(), seconds, semantic_seconds)
    if cache is not None and semantic:
        cache.save(images, encoded)
    return encoded
