"""CLIP as PromptAD reads it: a class token, value-value patch tokens, and patch tokens at two depths.

The backbone is an unchanged open_clip model; its blocks are walked from outside. Facts of the features: Li et al.,
CVPR 2024, and the public code FuNz-0/PromptAD, whose features these equal for the same weights.
"""

from __future__ import annotations

import hashlib
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from promptad_db.errors import InputError
from promptad_db.model.attention import attend, heads, unit
from promptad_db.model.backbone import (
    check_architecture,
    check_memory_layers,
    find_device,
    load_model,
    open_clip_package,
    precision_of,
    scaled_layers,
)
from promptad_db.model.encoded import ImageFeatures
from promptad_db.model.names import RANDOM, check_precision, pretrained_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from PIL.Image import Image
    from torch import Tensor

    from promptad_db.model.backbone import MemoryTap
    from promptad_db.model.names import Precision

__all__ = ["ClipEncoder", "ImageFeatures"]


class ClipEncoder:
    """A frozen open_clip ViT with a class token.

    ``name`` is an open_clip model (ViT-B-16-plus-240, ViT-B-16, ViT-L-14-336, ...) or ``tiny``, the demo's own small
    model; ``pretrained`` an open_clip tag, a checkpoint file, or ``random`` (untrained, from a fixed seed; for tests
    and timing; the default, but for tiny, which has weights of its own alone). ``memory_layers`` are the two blocks, counted from 0, after which the memory branch reads; by default
    2 and 7 of 12, scaled to the depth of the model. ``memory_tap`` says where exactly: ``public`` is where the public
    code really reads, inside the next block between its attention and its MLP; ``block_output`` is what it says.
    Precision is fp32 on the CPU and fp16 on a GPU by default, for tiny always fp32; features are float32 in any case. Without
    ``text`` the text encoder is let go of once the weights are hashed.

    Raises UsageError for a model that does not exist or has no class token, InputError for weights that cannot be had.
    """

    def __init__(
        self,
        name: str,
        pretrained: str | None = None,
        device: str = "cpu",
        *,
        precision: Precision | None = None,
        memory_layers: tuple[int, int] | None = None,
        memory_tap: MemoryTap = "public",
        text: bool = True,
    ) -> None:
        self.name = name
        self.pretrained = pretrained_of(name, pretrained, RANDOM)
        check_precision(name, precision)
        self.device = find_device(device)
        self.memory_tap = memory_tap
        usual: Precision = "fp32" if self.device.type == "cpu" else "fp16"
        model, self.tokenizer = load_model(name, self.pretrained, precision or usual)
        self.precision: Precision = precision_of(model)
        self.model: Any = model.to(self.device).eval().requires_grad_(requires_grad=False)
        check_architecture(self.model, name)
        self.memory_layers = memory_layers or scaled_layers(len(self.blocks))
        check_memory_layers(self.memory_layers, memory_tap, len(self.blocks))
        self.seconds = {"shared": 0.0, "semantic": 0.0}
        if not text:
            self._drop_text()

    @property
    def blocks(self) -> Sequence[Any]:
        """The residual attention blocks of the image encoder."""
        blocks: Sequence[Any] = self.model.visual.transformer.resblocks
        return blocks

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the patch grid."""
        height, width = self.model.visual.grid_size
        return int(height), int(width)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width, in pixels, of the images that it takes."""
        height, width = self.model.visual.image_size
        return int(height), int(width)

    @property
    def temperature(self) -> float:
        """The logit scale as stored: PromptAD multiplies cosines by it without exp, 4.6 for trained CLIP weights."""
        return float(self.model.logit_scale)

    @cached_property
    def weights_sha256(self) -> str:
        """A hash of all weights, by name, that does not depend on the file they came in."""
        total = hashlib.sha256()
        for key, tensor in sorted(self.model.state_dict().items()):
            total.update(f"{key} {tuple(tensor.shape)} {tensor.dtype}".encode())
            total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
        return total.hexdigest()

    def preprocess(self, images: Iterable[Image]) -> Tensor:
        """RGB images of any size as a tensor [B, 3, H, W]: bicubic resize of the whole image, CLIP's mean and std."""
        from PIL.Image import Resampling

        height, width = self.image_size
        settings = getattr(self.model.visual, "preprocess_cfg", None) or {}
        mean = np.array(settings.get("mean") or open_clip_package().OPENAI_DATASET_MEAN, dtype=np.float32)
        std = np.array(settings.get("std") or open_clip_package().OPENAI_DATASET_STD, dtype=np.float32)
        arrays = [
            np.asarray(image.resize((width, height), Resampling.BICUBIC), dtype=np.float32) / 255 for image in images
        ]
        pixels = (np.stack(arrays) - mean) / std
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))

    @torch.no_grad()
    def encode_images(self, images: Tensor) -> ImageFeatures:
        """All features of images [B, 3, H, W]; see `ImageFeatures`. ``seconds`` adds up what they cost."""
        return self.walk(images)

    @torch.no_grad()
    def encode_memory(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The memory features alone, two of [B, N, W]: no value-value path, and no block after the last one read."""
        started = self._now()
        tapped: list[Tensor] = []
        hidden = self._embed(images)
        for index, block in enumerate(self.blocks):
            attended = hidden + block.ls_1(attend(block.attn, *heads(block.attn, block.ln_1(hidden))))
            hidden = self._finish_block(index, block, attended, tapped)
            if len(tapped) == len(self.memory_layers):
                break
        self.seconds["shared"] += self._now() - started
        return unit(tapped[0]), unit(tapped[1])

    def walk(self, images: Tensor) -> ImageFeatures:
        """`encode_images` as a differentiable function.

        The value-value path starts from the same embedding. In every block it adds, to its own residual, the attention
        that uses the values for queries and keys, computed from the LayerNorm of the original path, which runs on as
        ever. Patch tokens are read from the value-value path and the class token from the original one.
        """
        visual = self.model.visual
        tapped: list[Tensor] = []
        started = self._now()
        hidden = self._embed(images)
        values_path = hidden
        semantic = 0.0
        for index, block in enumerate(self.blocks):
            block_started = self._now()
            memory_done = len(tapped) == len(self.memory_layers)
            query, key, value = heads(block.attn, block.ln_1(hidden))
            attended = hidden + block.ls_1(attend(block.attn, query, key, value))
            values_started = self._now()
            values_path = values_path + block.ls_1(attend(block.attn, value, value, value))
            values_ended = self._now()
            hidden = self._finish_block(index, block, attended, tapped)
            semantic += self._now() - block_started if memory_done else values_ended - values_started
        head_started = self._now()
        tokens = visual.ln_post(torch.cat([hidden[:, :1], values_path[:, 1:]], dim=1)) @ visual.proj
        features = ImageFeatures(unit(tokens[:, 0]), unit(tokens[:, 1:]), (unit(tapped[0]), unit(tapped[1])))
        ended = self._now()
        semantic += ended - head_started
        self.seconds["semantic"] += semantic
        self.seconds["shared"] += ended - started - semantic
        return features

    @torch.no_grad()
    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """Normalised features [n, D] of whole texts, cut where the context of the encoder ends."""
        tokens = self.tokenizer(list(texts)).to(self.device)
        ends = tokens.argmax(dim=-1)
        places = torch.arange(int(ends.max()) + 1, device=self.device)
        causal = torch.full((len(places), len(places)), float("-inf"), device=self.device).triu(1)
        embeddings = self.model.token_embedding(tokens[:, : len(places)])
        features = self.encode_embeddings(embeddings, places, causal, places)
        return unit(features[torch.arange(len(tokens), device=self.device), ends])

    def encode_embeddings(self, embeddings: Tensor, positions: Tensor, mask: Tensor, ends: Tensor) -> Tensor:
        """Text features, not normalised, of token embeddings [B, L, W] that stand at ``positions`` [L].

        ``mask`` [L, L] is added to the attention, ``ends`` [T] are the places of the end tokens; returns [B, T, D].
        """
        text = self.model
        dtype = text.transformer.get_cast_dtype()
        hidden = embeddings.to(dtype) + text.positional_embedding[positions].to(dtype)
        mask = mask.to(dtype)
        for block in text.transformer.resblocks:
            attended = hidden + block.ls_1(attend(block.attn, *heads(block.attn, block.ln_1(hidden)), mask))
            hidden = attended + block.ls_2(block.mlp(block.ln_2(attended)))
        features: Tensor = text.ln_final(hidden[:, ends]) @ text.text_projection
        return features.float()

    def _drop_text(self) -> None:
        self.weights_sha256  # noqa: B018 - the hash is of all weights, also of those that go
        for name in ("transformer", "token_embedding", "positional_embedding", "ln_final", "text_projection"):
            setattr(self.model, name, None)

    def _embed(self, images: Tensor) -> Tensor:
        visual = self.model.visual
        height, width = self.image_size
        if images.ndim != 4 or tuple(images.shape[1:]) != (3, height, width):  # noqa: PLR2004 - [B, 3, H, W]
            raise InputError(f"images have shape {list(images.shape)}, wanted [B, 3, {height}, {width}]")
        images = images.to(self.device, visual.conv1.weight.dtype)
        patches = visual.conv1(images).flatten(2).transpose(1, 2)
        class_token = visual.class_embedding.to(patches.dtype).expand(len(patches), 1, -1)
        hidden = torch.cat([class_token, patches], dim=1) + visual.positional_embedding.to(patches.dtype)
        embedded: Tensor = visual.ln_pre(hidden)
        return embedded

    def _finish_block(self, index: int, block: Any, attended: Tensor, tapped: list[Tensor]) -> Tensor:
        """The MLP of a block; puts the patch tokens that the memory branch reads here into ``tapped``."""
        if self.memory_tap == "public" and index - 1 in self.memory_layers:
            tapped.append(attended[:, 1:])
        hidden: Tensor = attended + block.ls_2(block.mlp(block.ln_2(attended)))
        if self.memory_tap == "block_output" and index in self.memory_layers:
            tapped.append(hidden[:, 1:])
        return hidden

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
