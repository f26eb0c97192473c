"""Several groups of prompts, and how much each feature takes of every group: what variants with local prompts share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from promptad_db.model.promptad import CONTEXTS, Objective, Training, loss_of, train
from promptad_db.model.prompts import ContextSizes, PromptLearner, TextFeatures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from promptad_db.model.branch import Score, Setup
    from promptad_db.model.clip import ClipEncoder
    from promptad_db.model.words import PromptWords

# CLIP's own scale of cosines; PromptAD's 4.6 would give every group nearly the same share.
SHARPNESS = 100.0
_SAME = 1e-6


@dataclass(frozen=True)
class GroupWeights:
    """Shares of the groups: a softmax of a feature's cosine with the ``keys`` [G, D], less the ``offsets`` [G]."""

    keys: Tensor
    offsets: Tensor

    def __call__(self, features: Tensor) -> Tensor:
        """Shares [..., G], which add up to 1, of normalised features [..., D]."""
        return (SHARPNESS * (features @ self.keys.T - self.offsets)).softmax(dim=-1)


@dataclass(frozen=True)
class GroupFeatures:
    """The text features of every group."""

    groups: tuple[TextFeatures, ...]

    def prototypes(self) -> Tensor:
        """[G, 2, D]: the normal and the abnormal prototype of each group."""
        return torch.stack([group.prototypes() for group in self.groups])


class GroupLearner(nn.Module):
    """A `PromptLearner` for each group, with contexts of its own; all are drawn from one generator, in order."""

    def __init__(
        self, encoder: ClipEncoder, groups: Sequence[PromptWords], sizes: ContextSizes, generator: torch.Generator
    ) -> None:
        super().__init__()
        self._learners = nn.ModuleList([PromptLearner(encoder, words, sizes, generator) for words in groups])

    def forward(self) -> GroupFeatures:
        """Features of all prompts as they are now; differentiable in all contexts."""
        return GroupFeatures(tuple(learner() for learner in self._learners))

    def contexts(self) -> dict[str, Tensor]:
        """Copies of both contexts, [G, ...]."""
        each = [dict(learner.named_parameters()) for learner in self._learners]
        return {name: torch.stack([one[name].detach() for one in each]) for name in each[0]}

    def load_contexts(self, contexts: Mapping[str, Tensor]) -> None:
        """Take contexts [G, ...]."""
        for index, learner in enumerate(self._learners):
            learner.load_state_dict({name: value[index] for name, value in contexts.items()})


class GroupedBranch(ABC):
    """A `SemanticBranch` of several groups of prompts.

    A feature is compared with text features of its own: the prototypes of the groups, mixed by its shares. In
    training, the loss of each group counts every feature by its share.
    With one group all shares are 1, and everything is the baseline's.
    """

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._epoch = 0

    @abstractmethod
    def words(self, shots: Tensor) -> list[PromptWords]:
        """The words of each group, for features of the shots."""

    @abstractmethod
    def gate(self, prototypes: Tensor, shots: Tensor) -> GroupWeights:
        """The gate for the prototypes [G, 2, D] of an epoch, and features of the shots."""

    def fit(self, shots: Tensor, training: Training, judge: Callable[[Score], float] | None) -> None:
        """Choose the words and train the contexts; see `SemanticBranch.fit`."""
        setup = self.setup
        sizes = CONTEXTS[setup.task]
        learner = GroupLearner(setup.encoder, self.words(shots), sizes, setup.generator())
        objective = Objective(shots, setup.task, setup.temperature, training.match_weight)

        def loss_of_text(text: GroupFeatures) -> Tensor:
            shares = self.gate(text.prototypes().detach(), shots)(shots)
            losses = [loss_of(group, objective, shares[..., index]) for index, group in enumerate(text.groups)]
            return torch.stack(losses).sum()

        def judge_prototypes(prototypes: Tensor) -> float:
            assert judge is not None
            return judge(self._scorer(prototypes, self.gate(prototypes, shots)))

        trained = train(learner, loss_of_text, training, None if judge is None else judge_prototypes)
        learner.load_contexts(trained.contexts)
        self._learner, self._shots, self._contexts = learner, shots, trained.contexts
        self._epoch = trained.epoch

    def refresh(self) -> None:
        """Compute the prototypes [G, 2, D] from the contexts, and the gate."""
        with torch.no_grad():
            self._prototypes = self._learner().prototypes()
        self._gate = self.gate(self._prototypes, self._shots)

    def score(self, features: Tensor) -> Tensor:
        """The abnormal share of each feature."""
        return self._scorer(self._prototypes, self._gate)(features)

    def state(self) -> dict[str, Tensor]:
        """Both contexts [G, ...], the prototypes [G, 2, D] that they give, and the gate's keys and offsets."""
        return {
            **self._contexts,
            "prototypes": self._prototypes,
            "keys": self._gate.keys,
            "offsets": self._gate.offsets,
        }

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take everything as it is; nothing of it is made from words again."""
        on_device = {name: value.to(self.setup.encoder.device) for name, value in state.items()}
        self._contexts = {name: on_device[name] for name in ("normal_context", "abnormal_context")}
        self._prototypes = on_device["prototypes"]
        self._gate = GroupWeights(on_device["keys"], on_device["offsets"])

    def describe(self) -> dict[str, Any]:
        """The epoch that counts, from 1, how sharply groups are told apart, and each group's share of the shots."""
        shares = self._gate(self._shots).flatten(0, -2).mean(dim=0)
        return {"epoch": self._epoch, "sharpness": SHARPNESS, "shares": [round(float(one), 4) for one in shares]}

    def _scorer(self, prototypes: Tensor, gate: GroupWeights) -> Score:
        def score(features: Tensor) -> Tensor:
            logits = self.setup.temperature * features @ prototypes.flatten(0, 1).T
            each = logits.reshape(*logits.shape[:-1], -1, 2)
            mixed = (gate(features)[..., None] * each).sum(dim=-2)
            scores: Tensor = mixed.softmax(dim=-1)[..., 1]
            return scores

        return score


def cluster(features: Tensor, count: int, generator: torch.Generator, steps: int = 20) -> Tensor:
    """Spherical k-means: normalised centres [C, D] of normalised features [n, D], C = ``count`` or fewer.

    Starts are drawn as k-means++ does: the next one among all features, the likelier the farther it is from those
    before. Fewer centres come of fewer different features.
    """
    first = int(torch.randint(len(features), (1,), generator=generator))
    centres = features[first : first + 1]
    while len(centres) < count:
        apart = (1 - (features @ centres.T).amax(dim=1)).clamp(min=0).cpu()
        if float(apart.max()) < _SAME:
            break
        index = int(torch.multinomial(apart, 1, generator=generator))
        centres = torch.cat([centres, features[index : index + 1]])
    for _ in range(steps):
        nearest = functional.one_hot((features @ centres.T).argmax(dim=1), len(centres)).to(features.dtype)
        held = nearest.sum(dim=0) > 0
        centres = functional.normalize((nearest.T @ features)[held], dim=-1)
    return centres
