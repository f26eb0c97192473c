"""PromptAD's prompt learner: learnable contexts in front of the words of a category.

All prompts that share a normal context start with the same tokens, and the text encoder is causal. So they are packed
into one sequence: the common start once, then every prompt's own rest, which sees the start and itself alone and
stands at the positions that it would have had. Each feature is what the prompt would give by itself, padded to the
encoder's full length, for a tenth of the work.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from promptad_db.errors import InputError

if TYPE_CHECKING:
    from promptad_db.model.clip import ClipEncoder
    from promptad_db.model.words import PromptWords

INITIAL_STD = 0.02


@dataclass(frozen=True)
class ContextSizes:
    """How many contexts of how many vectors: ``normal`` x ``normal_length`` and ``abnormal`` x ``abnormal_length``."""

    normal: int
    normal_length: int = 4
    abnormal: int = 4
    abnormal_length: int = 1


@dataclass(frozen=True)
class TextFeatures:
    """Features [n, D] of the normal, the hand-made abnormal and the learned abnormal prompts, not normalised."""

    normal: Tensor
    handmade: Tensor
    learned: Tensor

    @property
    def abnormal(self) -> Tensor:
        """All abnormal prompts, [n, D]."""
        return torch.cat([self.handmade, self.learned])

    def prototypes(self) -> Tensor:
        """[2, D]: the normal and the abnormal prototype, each the mean of the features as they are, then normalised."""
        return functional.normalize(torch.stack([self.normal.mean(0), self.abnormal.mean(0)]), dim=-1)


class PromptLearner(nn.Module):
    """``normal_context`` [n, length, W] and ``abnormal_context`` [m, length, W] in front of the words of a category.

    Prompts of Li et al., CVPR 2024: normal (context + name), hand-made abnormal (normal context + state) and learned
    abnormal (normal context + abnormal context + name), each for every normal context. Contexts start from N(0, 0.02).
    """

    def __init__(
        self, encoder: ClipEncoder, words: PromptWords, sizes: ContextSizes, generator: torch.Generator
    ) -> None:
        super().__init__()
        self._encoder = encoder
        width = encoder.model.token_embedding.weight.shape[1]
        self.normal_context = _initial((sizes.normal, sizes.normal_length, width), generator, encoder.device)
        self.abnormal_context = _initial((sizes.abnormal, sizes.abnormal_length, width), generator, encoder.device)
        self._sizes = sizes
        self._pack(words)

    def forward(self) -> TextFeatures:
        """Features of all prompts as they are now; differentiable in both contexts."""
        sizes = self._sizes
        embeddings = self._tokens.expand(sizes.normal, -1, -1).clone()
        embeddings[:, 1 : 1 + sizes.normal_length] = self.normal_context
        embeddings[:, self._learned_slots] = self.abnormal_context.flatten(0, 1)
        features = self._encoder.encode_embeddings(embeddings, self._positions, self._mask, self._ends)
        handmade_end = self._ends.numel() - sizes.abnormal
        return TextFeatures(
            features[:, 0], features[:, 1:handmade_end].flatten(0, 1), features[:, handmade_end:].flatten(0, 1)
        )

    def contexts(self) -> dict[str, Tensor]:
        """Copies of both contexts, as they are now."""
        return {name: value.detach().clone() for name, value in self.named_parameters()}

    def load_contexts(self, contexts: dict[str, Tensor]) -> None:
        """Take saved contexts; a RuntimeError when their shapes are others."""
        self.load_state_dict(contexts)

    def _pack(self, words: PromptWords) -> None:
        sizes, device = self._sizes, self._encoder.device
        slots = [0] * sizes.abnormal_length
        start, name, end = _token_ids(self._encoder, words.normal)
        prompts = [name, *(_token_ids(self._encoder, text)[1] for text in words.abnormal)]
        rests = [[*ids, end] for ids in prompts] + [[*slots, *name, end]] * sizes.abnormal
        texts = [words.normal, *words.abnormal, *[words.normal] * sizes.abnormal]
        shared = 1 + sizes.normal_length
        ids, positions, owners, ends = [start, *[0] * sizes.normal_length], list(range(shared)), [-1] * shared, []
        learned_slots: list[int] = []
        for owner, (text, rest) in enumerate(zip(texts, rests, strict=True)):
            _check_length(self._encoder, text, shared + len(rest))
            if owner >= len(prompts):
                learned_slots += range(len(ids), len(ids) + sizes.abnormal_length)
            ids += rest
            positions += range(shared, shared + len(rest))
            owners += [owner] * len(rest)
            ends.append(len(ids) - 1)
        owner_of = torch.tensor(owners)
        place = torch.arange(len(ids))
        visible = ((owner_of[None] == owner_of[:, None]) | (owner_of[None] < 0)) & (place[None] <= place[:, None])
        mask = torch.zeros(len(ids), len(ids)).masked_fill(~visible, float("-inf"))
        tokens = self._encoder.model.token_embedding(torch.tensor(ids, device=device)).detach().float()
        for buffer, value in (
            ("_tokens", tokens),
            ("_mask", mask),
            ("_positions", torch.tensor(positions)),
            ("_ends", torch.tensor(ends)),
            ("_learned_slots", torch.tensor(learned_slots)),
        ):
            self.register_buffer(buffer, value.to(device), persistent=False)

    _tokens: Tensor
    _mask: Tensor
    _positions: Tensor
    _ends: Tensor
    _learned_slots: Tensor


def fits(encoder: ClipEncoder, words: PromptWords, sizes: ContextSizes) -> bool:
    """Whether every prompt of these words, with its contexts, is short enough for the text encoder."""
    learned = sizes.abnormal_length + _length(encoder, words.normal)
    longest = max(learned, *(_length(encoder, text) for text in (words.normal, *words.abnormal)))
    room: int = encoder.model.positional_embedding.shape[0]
    return sizes.normal_length + longest <= room


def _length(encoder: ClipEncoder, text: str) -> int:
    """Tokens with start and end."""
    return len(_token_ids(encoder, text)[1]) + 2


def _initial(shape: tuple[int, int, int], generator: torch.Generator, device: torch.device) -> nn.Parameter:
    return nn.Parameter((torch.randn(shape, generator=generator) * INITIAL_STD).to(device))


def _token_ids(encoder: ClipEncoder, text: str) -> tuple[int, list[int], int]:
    """The start token, the tokens of the text, and the end token."""
    row = encoder.tokenizer([text])[0]
    end = int(row.argmax())
    return int(row[0]), row[1:end].tolist(), int(row[end])


def _check_length(encoder: ClipEncoder, text: str, length: int) -> None:
    longest = encoder.model.positional_embedding.shape[0]
    if length > longest:
        raise InputError(
            f"the prompt {text!r} has {length} tokens with its context, {encoder.name} takes {longest}",
            "shorten it in the file of --prompts",
        )
