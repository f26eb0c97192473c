"""PromptAD: training of the prompts on K normal images, and the scores of both branches (Li et al., CVPR 2024).

Everything works on features: images are encoded once, elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from promptad_db.model.prompts import ContextSizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn

    from promptad_db.model.prompts import TextFeatures
    from promptad_db.records import Task

CONTEXTS: dict[str, ContextSizes] = {"cls": ContextSizes(normal=3), "seg": ContextSizes(normal=1)}


@dataclass(frozen=True)
class Training:
    """The published hyper-parameters: SGD over ``epochs`` steps of one batch each, cosine from ``lr`` to ``lr_min``.

    ``match_weight`` weighs the distance between the hand-made and the learned abnormal prompts (the paper's lambda).
    """

    epochs: int = 100
    lr: float = 0.002
    lr_min: float = 1e-5
    momentum: float = 0.9
    weight_decay: float = 5e-4
    match_weight: float = 0.001


class Learner(Protocol):
    """What `train` trains: a module whose contexts make text features, which have ``prototypes()`` [..., 2, D]."""

    def __call__(self) -> Any: ...

    def parameters(self) -> Iterator[nn.Parameter]: ...

    def contexts(self) -> dict[str, Tensor]: ...


@dataclass(frozen=True)
class Trained:
    """``prototypes`` [..., 2, D] of the epoch that counts, its ``contexts``, its number from 1, every step's loss."""

    prototypes: Tensor
    contexts: dict[str, Tensor]
    epoch: int
    losses: list[float]


def train(
    learner: Learner,
    loss_of_text: Callable[[Any], Tensor],
    training: Training,
    judge: Callable[[Tensor], float] | None = None,
) -> Trained:
    """Train the contexts of ``learner`` for the loss of its text features, `loss_of` on the features of the K shots.

    Without ``judge`` the last epoch counts. With it, the first epoch whose prototypes it values highest counts: this
    is how the public code chooses by test AUROC.
    """
    optimizer = torch.optim.SGD(
        learner.parameters(), lr=training.lr, momentum=training.momentum, weight_decay=training.weight_decay
    )
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, training.epochs, training.lr_min)
    losses: list[float] = []
    best = -1.0
    trained: Trained | None = None
    for epoch in range(1, training.epochs + 1):
        text = learner()
        if judge is not None and epoch > 1 and (value := judge(text.prototypes().detach())) > best:
            best, trained = value, Trained(text.prototypes().detach(), learner.contexts(), epoch - 1, losses)
        loss = loss_of_text(text)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        scheduler.step()
        losses.append(float(loss.detach()))
    with torch.no_grad():
        prototypes = learner().prototypes()
    if trained is not None and judge is not None and judge(prototypes) <= best:
        return trained
    return Trained(prototypes, learner.contexts(), training.epochs, losses)


@dataclass(frozen=True)
class Objective:
    """What the prompts are trained for: the features of the K shots, class tokens [K, D] for cls, value-value patch
    tokens [K, N, D] for seg, are normal.
    """

    shots: Tensor
    task: Task
    temperature: float
    match_weight: float = Training.match_weight


def loss_of(text: TextFeatures, objective: Objective, weights: Tensor | None = None) -> Tensor:
    """The loss of one step.

    Cross entropy of every feature against [normal prototype, every abnormal text feature], with the temperature; a
    triplet term without margin; and the squared distance of the mean hand-made from the mean learned abnormal feature.
    The triplet's squared distances are summed over channels for cls, over the patches of an image, a channel at a
    time, for seg, as in the public code. ``weights`` [K] or [K, N] say how much each feature counts, by default 1.
    """
    shots, task = objective.shots, objective.task
    weights = shots.new_ones(shots.shape[:-1]) if weights is None else weights
    normal, abnormal = text.prototypes()
    choices = torch.cat([normal[None], functional.normalize(text.abnormal, dim=-1)])
    logits = objective.temperature * shots @ choices.T
    entropy = -(weights * logits.log_softmax(-1)[..., 0]).mean()
    summed = 1 if task == "seg" else -1
    to_normal = (weights[..., None] * (shots - normal).square()).sum(summed)
    to_abnormal = (weights[..., None] * (shots - abnormal).square()).sum(summed)
    triplet = functional.relu(to_normal - to_abnormal).mean()
    handmade = functional.normalize(text.handmade, dim=-1).mean(0)
    learned = functional.normalize(text.learned, dim=-1).mean(0)
    loss: Tensor = entropy + triplet + objective.match_weight * (handmade - learned).square().sum()
    return loss


def semantic_scores(features: Tensor, prototypes: Tensor, temperature: float) -> Tensor:
    """The abnormal share [...] of a softmax over both prototypes [2, D], for features [..., D], all normalised."""
    scores: Tensor = (temperature * features @ prototypes.T).softmax(dim=-1)[..., 1]
    return scores


def nearest_similarities(features: tuple[Tensor, Tensor], gallery: tuple[Tensor, Tensor]) -> Tensor:
    """[S, 2, B, N]: for each of S shots and both depths, how similar each patch is to its nearest one of that shot.

    ``features`` are two of [B, N, W], ``gallery`` two of [S, N, W], normalised. Any gallery of several shots is the
    maximum over them, so one pass serves every K.
    """
    return torch.stack(
        [
            torch.stack([(patches @ shot.T).amax(-1) for shot in shots])
            for patches, shots in zip(features, gallery, strict=True)
        ],
        dim=1,
    )


def self_similarities(gallery: tuple[Tensor, Tensor]) -> Tensor:
    """[2, K, N]: for both depths, how similar each gallery patch is to its nearest other one; two of [K, N, W] in."""
    by_depth = []
    for shots in gallery:
        patches = shots.flatten(0, 1)
        similar = patches @ patches.T
        by_depth.append(similar.fill_diagonal_(-1).amax(-1).reshape(shots.shape[:2]))
    return torch.stack(by_depth)


def neighbour_margins(similarities: Tensor) -> Tensor:
    """[B]: by how much the nearest shot is nearer than the second nearest, where an image is the least normal.

    Of similarities [S, 2, B, N] to S shots, averaged over the depths, at the patch with the highest memory score; 0 for
    one shot. A large margin says that the choice of shots decides the score.
    """
    if len(similarities) == 1:
        return similarities.new_zeros(similarities.shape[2])
    nearest = similarities.mean(dim=1).topk(2, dim=0).values
    place = memory_maps(similarities).argmax(dim=1, keepdim=True)
    margins: Tensor = (nearest[0] - nearest[1]).gather(1, place)[:, 0]
    return margins


def memory_maps(similarities: Tensor) -> Tensor:
    """Memory scores [B, N] of patches for the gallery of the given shots [S, 2, B, N].

    Half the cosine distance to the nearest gallery patch, averaged over the two depths.
    """
    first, second = (1 - similarities.amax(0)) / 2
    scores: Tensor = 0.5 * (first + second)
    return scores
