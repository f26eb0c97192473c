"""What a semantic branch is: made from a setup, fitted to shots or loaded, asked for scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from promptad_db.model.clip import ClipEncoder
    from promptad_db.model.promptad import Training
    from promptad_db.model.words import PromptWords
    from promptad_db.records import Task

    Score = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Setup:
    """What a semantic branch is made from: the text side of a backbone, a category's words, the task, the temperature,
    and the seed of everything random.
    """

    encoder: ClipEncoder
    words: PromptWords
    task: Task
    temperature: float
    seed: int

    def generator(self) -> torch.Generator:
        """A new generator of the seed."""
        return torch.Generator().manual_seed(self.seed)


class SemanticBranch(Protocol):
    """From features of images to semantic scores. Made from a `Setup`, then fitted or loaded."""

    def __init__(self, setup: Setup) -> None: ...

    def fit(self, shots: Tensor, training: Training, judge: Callable[[Score], float] | None) -> None:
        """Learn from the K shots: class tokens [K, D] for cls, value-value patch tokens [K, P, D] for seg.

        The last epoch counts, or with ``judge`` the first one that it values highest.
        """

    def refresh(self) -> None:
        """After `fit`, compute the text features that `score` needs: what the text side costs at test time."""

    def score(self, features: Tensor) -> Tensor:
        """Semantic scores, 0..1, of features [N, D] or [N, P, D]: [N] or [N, P]."""

    def state(self) -> dict[str, Tensor]:
        """What was learned, by name, for `load`."""

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take what another branch of this kind learned; a KeyError or RuntimeError when it does not fit."""

    def describe(self) -> dict[str, Any]:
        """After `fit`: what people should know of what was learned, as JSON."""
