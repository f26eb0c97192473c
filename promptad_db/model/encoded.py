"""Features of images, as the encoder returns them and as the runner keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class ImageFeatures:
    """Features of B images, L2-normalised float32: ``image`` [B, D] class tokens, ``patches`` [B, N, D] value-value
    patch tokens, ``memory`` two of [B, N, W], the patch tokens that the memory branch compares.
    """

    image: Tensor
    patches: Tensor
    memory: tuple[Tensor, Tensor]

    def on_cpu(self) -> ImageFeatures:
        """The same features in the memory of the host."""
        return ImageFeatures(self.image.cpu(), self.patches.cpu(), (self.memory[0].cpu(), self.memory[1].cpu()))


@dataclass(frozen=True)
class Encoded:
    """Features of B images on the CPU, and what they cost: ``seconds`` in all, of them ``semantic_seconds`` for what
    only the semantic branch needs. ``features`` has empty class tokens and patches where only the memory was asked for.
    """

    features: ImageFeatures
    seconds: float
    semantic_seconds: float

    def without_memory(self) -> Encoded:
        """The same without the memory features, which are the largest."""
        nothing = self.features.memory[0][:0]
        features = ImageFeatures(self.features.image, self.features.patches, (nothing, nothing))
        return Encoded(features, self.seconds, self.semantic_seconds)
