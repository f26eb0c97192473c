"""The semantic branch as published: one normal and one abnormal prototype for all features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from promptad_db.model.promptad import CONTEXTS, Objective, Training, loss_of, semantic_scores, train
from promptad_db.model.prompts import PromptLearner

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from promptad_db.model.branch import Score, Setup


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
