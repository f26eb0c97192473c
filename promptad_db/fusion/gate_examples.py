"""From the results of runs to what a gate learns from, and the gate of each category, trained on the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.fusion.gate import may_train_on, trained_gate
from promptad_db.fusion.gate_signals import (
    GateCell,
    GateExample,
    advantage_of_semantic,
    signals_of_cell,
    signals_of_maps,
    signals_of_scores,
    truth_on_grid,
)
from promptad_db.fusion.image_content import content_of
from promptad_db.fusion.same_images import SameImages
from promptad_db.records import BRANCHES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from promptad_db.fusion.gate import Gate, HoldOut
    from promptad_db.records import CategoryResult, RunInfo


def example_of(
    info: RunInfo, result: CategoryResult, weights: Mapping[str, NDArray[Any]], kind: str | None, *, teach: bool = False
) -> GateExample:
    """The signals of a category's images; with ``teach`` also, from its labels, which branch ranks each image better.

    ``weights`` are what the run kept beside its scores: the support images' self-scores, and the margin [N] between the nearest
    and the second nearest shot, where they are there; ``kind`` is texture or object, or None.
    A seg run trains by its pixels on the grid of the maps, a cls run by its images.
    """
    cell = GateCell(info.run_id, info.dataset, result.category, info.k_shot, info.seed, info.task)
    signals = signals_of_scores(result.scores, scores_of_shots(weights))
    signals |= signals_of_cell(len(result.images), info.k_shot, kind)
    margin = weights.get("neighbour_margin")
    if margin is not None and margin.shape == (len(result.images),):
        signals["neighbour_margin"] = margin.astype(np.float64)
    maps = result.maps
    if set(BRANCHES) <= set(maps):
        signals |= signals_of_maps(maps)
    advantage = None
    if teach and info.task == "seg":
        if result.masks is not None and "semantic_peak" in signals:
            truth = truth_on_grid(result.masks, *maps["memory"].shape[1:])
            advantage = advantage_of_semantic(maps["semantic"], maps["memory"], truth)
    elif teach and result.labels is not None:
        advantage = advantage_of_semantic(result.scores["semantic"], result.scores["memory"], result.labels == 1)
    return GateExample(cell, signals, advantage, content_of(result) if teach else None)


def scores_of_shots(weights: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The support images' self-scores or maps by branch, as far as a run kept them."""
    names = {branch: f"shots_{branch}" for branch in BRANCHES}
    return {branch: weights[name] for branch, name in names.items() if name in weights}


class GateTrainer:
    """All examples of a selection of runs; each category's gate is trained on those that may enter, once."""

    def __init__(self, examples: Sequence[GateExample], hold_out: HoldOut) -> None:
        self.examples = examples
        self.hold_out = hold_out
        self.same_images = SameImages(examples)
        self._named = [self.same_images.named(example.cell) for example in examples]
        self._gates: dict[tuple[Any, ...], Gate] = {}

    def apply(self, example: GateExample) -> tuple[Gate, NDArray[np.float64]]:
        """The gate of a category, and the weight [N] that it gives to the semantic branch for each of its images.

        Raises InputError where there is too little to learn from.
        """
        training = self._training_set(example.cell)
        key = (tuple(other.cell for other in training), tuple(example.signals))
        if key not in self._gates:
            self._gates[key] = trained_gate(example, training, self.hold_out)
        gate = self._gates[key]
        return gate, gate.weights(example.signals)

    def has_trained(self, cell: GateCell, gate: Gate) -> bool:
        """Whether the gate of a cell would be trained here as this one was: on the same cells, with the same hold-out."""
        cells = {other.cell for other in self._training_set(cell) if other.advantage is not None}
        return (gate.hold_out, set(gate.cells)) == (self.hold_out, cells)

    def can_train(self, cell: GateCell) -> bool:
        """Whether the cell is among the examples, and the others suffice for its gate."""
        try:
            return any(self.apply(example) for example in self.examples if example.cell == cell)
        except InputError:
            return False

    def _training_set(self, cell: GateCell) -> list[GateExample]:
        named = self.same_images.named(cell)
        others = zip(self.examples, self._named, strict=True)
        return [other for other, other_named in others if may_train_on(named, other_named, self.hold_out)]
