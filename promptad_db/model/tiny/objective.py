"""What the tiny model is trained for: captions, normal and defective patches, normal and defective pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from open_clip import OPENAI_DATASET_MEAN, OPENAI_DATASET_STD
from torch import Tensor
from torch.nn import functional

from promptad_db.datasets.synthetic import STATES
from promptad_db.model.clip import ClipEncoder
from promptad_db.model.tiny.captions import GENERAL, states_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from open_clip.model import CLIP

    from promptad_db.model.tiny.tokenizer import TinyTokenizer
    from promptad_db.model.tiny.world import Pair

CONTEXT, CONTEXT_STD = 4, 0.02
STATES_A_NAME = 5
TEMPERATURE = 10.0
PATCH = 16
VISIBLE_SHARE = 8 / PATCH**2
# The general states twice: they stand in the prompts of every category.
_ALL_STATES = (*GENERAL, *GENERAL, *(state for defect in STATES for state in states_of(defect)))


class TrainableEncoder(ClipEncoder):
    """The features of PromptAD on a model whose weights are still being made.

    ``shown`` [B, n] are the places of the patches that each of B images is reduced to; None shows them all.
    """

    def __init__(self, model: CLIP) -> None:
        self.model = model
        self.shown: Tensor | None = None
        self.device = torch.device("cpu")
        self.memory_layers = (0, 2)
        self.memory_tap = "public"
        self.seconds = {"shared": 0.0, "semantic": 0.0}

    def _embed(self, images: Tensor) -> Tensor:
        hidden = super()._embed(images)
        if self.shown is None:
            return hidden
        places = self.shown[..., None].expand(-1, -1, hidden.shape[-1])
        return torch.cat([hidden[:, :1], hidden[:, 1:].gather(1, places)], dim=1)


@dataclass(frozen=True)
class Batch:
    """``images`` [2B, 3, H, W], whole ones first; ``patches`` [2B, N], the defective share of each patch; a caption of
    each image; what the B things are called.
    """

    images: Tensor
    patches: Tensor
    captions: list[str]
    names: list[str]


def normalised(pictures: NDArray[np.uint8]) -> Tensor:
    """Pictures [B, 240, 240, 3] as a float tensor [B, 3, 240, 240] with CLIP's mean and standard deviation."""
    mean, std = torch.tensor(OPENAI_DATASET_MEAN), torch.tensor(OPENAI_DATASET_STD)
    pixels = torch.from_numpy(pictures).permute(0, 3, 1, 2).float().contiguous() / 255
    return (pixels - mean[:, None, None]) / std[:, None, None]


def collate(pairs: Sequence[Pair]) -> Batch:
    """Pairs as one batch."""
    images = normalised(np.concatenate([np.stack([pair.images[k] for pair in pairs]) for k in (0, 1)]))
    masks = torch.from_numpy(np.stack([pair.mask for pair in pairs])).float()
    shares = functional.avg_pool2d(masks[:, None], PATCH).flatten(1)
    captions = [pair.captions[k] for k in (0, 1) for pair in pairs]
    return Batch(images, torch.cat([torch.zeros_like(shares), shares]), captions, [pair.name for pair in pairs])


class Objective:
    """The losses of a batch; prompts, contexts and the patches that are shown are drawn from the seed."""

    def __init__(self, model: CLIP, tokenizer: TinyTokenizer, seed: int) -> None:
        self._model = model
        self._encoder = TrainableEncoder(model)
        self._tokenizer = tokenizer
        self._generator = torch.Generator().manual_seed(seed)

    def __call__(self, batch: Batch, patches: int | None = None) -> dict[str, Tensor]:
        """Scalars ``caption``, ``patch``, ``image`` and ``text``, which is 2 where the normal and the abnormal
        prototype are the same and 0 where they are opposite.

        With ``patches`` each image is reduced to so many, the defective ones among them (after FLIP, Li et al., CVPR
        2023): cheaper, and defects are less rare.
        """
        shares = batch.patches
        self._encoder.shown = None
        if patches is not None:
            self._encoder.shown = self._shown(shares, patches)
            shares = shares.gather(1, self._encoder.shown)
        features = self._encoder.walk(batch.images)
        names = sorted(set(batch.names))
        directions = self._directions(names)
        toward_defect = directions[[names.index(name) for name in batch.names * 2]]
        patch_logits = TEMPERATURE * torch.einsum("bnd,bd->bn", features.patches, toward_defect)
        image_logits = TEMPERATURE * (features.image * toward_defect).sum(-1)
        labels = torch.arange(len(batch.images)) >= len(batch.names)
        return {
            "caption": self._caption_loss(features.image, batch.captions),
            "patch": _balanced(patch_logits, shares >= VISIBLE_SHARE, shares == 0),
            "image": _balanced(image_logits, labels, ~labels),
            "text": 2 - directions.norm(dim=-1).mean(),
        }

    def _shown(self, shares: Tensor, patches: int) -> Tensor:
        """The same places for both images of a pair, so that places tell nothing."""
        spoiled = shares[len(shares) // 2 :]
        order = (spoiled > 0).float() + torch.rand(spoiled.shape, generator=self._generator)
        return order.topk(patches).indices.repeat(2, 1)

    def _caption_loss(self, images: Tensor, captions: list[str]) -> Tensor:
        """Symmetric contrast of images and captions; equal captions are equally right."""
        texts = functional.normalize(self._model.encode_text(self._tokenizer(captions)), dim=-1)
        logits = self._model.logit_scale.exp() * images @ texts.T
        same = torch.tensor([[one == other for other in captions] for one in captions]).float()
        target = same / same.sum(-1, keepdim=True)
        return (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2

    def _directions(self, names: list[str]) -> Tensor:
        """Abnormal minus normal prototype [names, D], from prompts as PromptAD starts with."""
        prompts = []
        for name in names:
            places = torch.randint(len(_ALL_STATES), (STATES_A_NAME,), generator=self._generator).tolist()
            prompts += [name + ".", *(_ALL_STATES[place].format(name) + "." for place in places)]
        contexts = CONTEXT_STD * torch.randn(
            len(names), 1, CONTEXT, self._model.token_embedding.weight.shape[1], generator=self._generator
        )
        contexts = contexts.expand(-1, 1 + STATES_A_NAME, -1, -1).flatten(0, 1)
        features = encode_prompts(self._model, self._tokenizer, prompts, contexts)
        features = features.reshape(len(names), 1 + STATES_A_NAME, -1)
        normal, abnormal = features[:, 0], features[:, 1:].mean(1)
        return functional.normalize(abnormal, dim=-1) - functional.normalize(normal, dim=-1)


def encode_prompts(model: CLIP, tokenizer: TinyTokenizer, prompts: list[str], contexts: Tensor) -> Tensor:
    """Features [n, D], not normalised, of n prompts with a context [n, C, W] between the start and the words."""
    tokens: Tensor = tokenizer(prompts)
    tokens = tokens[:, : int(tokens.argmax(-1).max()) + 1]
    words = model.token_embedding(tokens)
    embeddings = torch.cat([words[:, :1], contexts, words[:, 1:]], dim=1)
    length = embeddings.shape[1]
    hidden = model.transformer(
        embeddings + model.positional_embedding[:length], attn_mask=model.attn_mask[:length, :length]
    )
    ends = tokens.argmax(-1) + contexts.shape[1]
    features: Tensor = model.ln_final(hidden[torch.arange(len(prompts)), ends]) @ model.text_projection
    return features


def _balanced(logits: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Binary cross entropy in which the positives weigh as much as the negatives; what is neither does not count."""
    return (functional.softplus(-logits[positive]).mean() + functional.softplus(logits[negative]).mean()) / 2
