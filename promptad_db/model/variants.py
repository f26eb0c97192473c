"""The semantic branch of each variant of the method. A new variant is a class in a file of its own, entered here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch

from promptad_db.model.promptad import CONTEXTS, Objective, Training, loss_of, semantic_scores, train
from promptad_db.model.prompts import PromptLearner
from promptad_db.model.spatial_prompts import SpatialPrompts
from promptad_db.model.vision_guided import VisionGuided
from promptad_db.records import MEMORY_ONLY

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from promptad_db.model.clip import ClipEncoder
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


class Baseline:
    """PromptAD as published: one normal and one abnormal prototype for all features."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._learner = PromptLearner(setup.encoder, setup.words, CONTEXTS[setup.task], setup.generator())
        self._epoch = 0

    def fit(self, shots: Tensor, training: Training, judge: Callable[[Score], float] | None) -> None:
        """Train the contexts; see `SemanticBranch.fit`."""
        setup = self._setup
        judge_prototypes = None if judge is None else lambda prototypes: judge(self._scorer(prototypes))
        objective = Objective(shots, setup.task, setup.temperature, training.match_weight)
        trained = train(self._learner, lambda text: loss_of(text, objective), training, judge_prototypes)
        self._learner.load_contexts(trained.contexts)
        self._epoch = trained.epoch

    def refresh(self) -> None:
        """Compute both prototypes [2, D] from the contexts."""
        with torch.no_grad():
            self._prototypes = self._learner().prototypes()

    def score(self, features: Tensor) -> Tensor:
        """The abnormal share of each feature."""
        return self._scorer(self._prototypes)(features)

    def state(self) -> dict[str, Tensor]:
        """Both contexts, and the prototypes that they give."""
        return {**self._learner.contexts(), "prototypes": self._prototypes}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take the prototypes as they are, and the contexts behind them."""
        names = ("normal_context", "abnormal_context")
        self._learner.load_contexts({name: state[name] for name in names})
        self._prototypes = state["prototypes"].to(self._setup.encoder.device)

    def describe(self) -> dict[str, Any]:
        """The epoch that counts, from 1."""
        return {"epoch": self._epoch}

    def _scorer(self, prototypes: Tensor) -> Score:
        return lambda features: semantic_scores(features, prototypes, self._setup.temperature)


BRANCHES: dict[str, type[SemanticBranch]] = {
    "baseline": Baseline,
    "spatial_prompts": SpatialPrompts,
    "vision_guided": VisionGuided,
}
VARIANTS = (*BRANCHES, MEMORY_ONLY)
