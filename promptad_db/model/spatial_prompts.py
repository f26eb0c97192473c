"""The variant spatial_prompts: local pairs of prompts, and each patch mixes those of the parts that it resembles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptad_db.model.groups import GroupedBranch, GroupWeights

if TYPE_CHECKING:
    from torch import Tensor

    from promptad_db.model.words import PromptWords


class SpatialPrompts(GroupedBranch):
    """A group of prompts for each local pair of the words (surface, edge, color, structure, ...).

    A feature's shares follow its similarity to the normal prototype of each group, less the mean of that similarity
    over the features of the shots, so that no group wins everywhere by its words alone. The prototypes are trained on
    what they win, epoch by epoch. For cls the class token is treated as one patch.
    """

    def words(self, shots: Tensor) -> list[PromptWords]:  # noqa: ARG002 - the same for all shots
        """The words of each local pair."""
        words = self.setup.words
        return [words.local(group) for group in words.groups.values()]

    def gate(self, prototypes: Tensor, shots: Tensor) -> GroupWeights:
        """Keys are the normal prototypes, offsets their mean cosines with the shots."""
        keys = prototypes[:, 0]
        return GroupWeights(keys, (shots @ keys.T).flatten(0, -2).mean(dim=0))

    def describe(self) -> dict[str, Any]:
        """What every branch of groups says, and the name of each group."""
        return {"groups": list(self.setup.words.groups), **super().describe()}
