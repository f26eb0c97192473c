"""The variant vision_guided: the category's name becomes a description of what the shots look like."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch.nn import functional

from promptad_db.model.groups import GroupedBranch, GroupWeights, cluster
from promptad_db.model.promptad import CONTEXTS
from promptad_db.model.prompts import fits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from promptad_db.model.words import PromptWords

CLUSTERS = 4
WORDS = 3
RELEVANCE = 0.7


class VisionGuided(GroupedBranch):
    """A group of prompts for each cluster of the shots' patches, with a description of it in place of the name.

    For cls there is one cluster, of the class tokens. A description holds up to three words of the attributes, those
    nearest to the cluster's features and unlike each other (`choose`), in front of the category's name. A patch takes
    the prompts of the clusters whose centre it resembles.
    """

    def words(self, shots: Tensor) -> list[PromptWords]:
        """The words of each cluster: the category's own, with the description as name."""
        features = shots.flatten(0, -2)
        if self.setup.task == "cls":
            self._centres = functional.normalize(features.mean(dim=0, keepdim=True), dim=-1)
        else:
            self._centres = cluster(features, CLUSTERS, self.setup.generator())
        self._chosen = self._describe_centres()
        return [self._described(chosen) for chosen in self._chosen]

    def gate(self, prototypes: Tensor, shots: Tensor) -> GroupWeights:  # noqa: ARG002 - the centres alone
        """Keys are the centres of the clusters."""
        return GroupWeights(self._centres, torch.zeros(len(self._centres), device=self._centres.device))

    def describe(self) -> dict[str, Any]:
        """What every branch of groups says, the description of each cluster, and its words by attribute."""
        return {
            "descriptions": [self._described(chosen).class_name for chosen in self._chosen],
            "attributes": self._chosen,
            "relevance": RELEVANCE,
            **super().describe(),
        }

    def _describe_centres(self) -> list[dict[str, str]]:
        """The words of each centre by attribute, as many as fit into the prompts."""
        words, encoder = self.setup.words, self.setup.encoder
        name = words.class_name
        listed = [(kind, word) for kind, some in words.attributes.items() for word in some if word not in name.split()]
        if not listed:
            return [{} for _ in self._centres]
        texts = encoder.encode_texts([f"{word} {name}" for _, word in listed])
        kinds = [kind for kind, _ in listed]
        described = []
        for centre in self._centres:
            chosen = choose(texts @ centre, texts @ texts.T, kinds, WORDS)
            while chosen and not fits(encoder, self._described(_by_kind(listed, chosen)), CONTEXTS[self.setup.task]):
                chosen.pop()
            described.append(_by_kind(listed, chosen))
        return described

    def _described(self, chosen: dict[str, str]) -> PromptWords:
        words = self.setup.words
        return words.called(" ".join([*chosen.values(), words.class_name]))


def choose(relevance: Tensor, alike: Tensor, kinds: Sequence[str], count: int) -> list[int]:
    """Up to ``count`` of n candidates, the best first, at most one of each kind.

    Maximal marginal relevance (Carbonell and Goldstein, SIGIR 1998): ``relevance`` [n] less the similarity ``alike``
    [n, n] to the nearest one chosen before, both spread over 0..1 as cosines of texts with texts and with images are
    not on one scale.
    """
    relevance, alike = _spread(relevance), _spread(alike)
    chosen: list[int] = []
    while len(chosen) < count:
        used_kinds = {kinds[index] for index in chosen}
        possible = [index for index, kind in enumerate(kinds) if kind not in used_kinds]
        if not possible:
            break
        repeated = alike[:, chosen].amax(dim=1) if chosen else torch.zeros_like(relevance)
        value = RELEVANCE * relevance - (1 - RELEVANCE) * repeated
        chosen.append(max(possible, key=value.tolist().__getitem__))
    return chosen


def _spread(values: Tensor) -> Tensor:
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else torch.zeros_like(values)


def _by_kind(listed: Sequence[tuple[str, str]], chosen: Sequence[int]) -> dict[str, str]:
    """The chosen words by kind, in the order of the list."""
    return dict(listed[index] for index in sorted(chosen))
