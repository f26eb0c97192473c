"""The learned gate: how much to trust the semantic branch, image by image, learned on other categories.

A logistic regression on standardised label-free signals. On the training images, which are of other categories alone, the
labels say which branch ranks an image better within its category; an image counts as much as the branches differ on it,
divided by the images of its cell, so that large test sets do not outweigh small ones.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from promptad_db.errors import InputError, UsageError
from promptad_db.fusion.gate_signals import GateCell  # noqa: TC001 - conform looks up the types of fields
from promptad_db.records import Count, Finite, Label  # noqa: TC001 - the same
from promptad_db.schema import conform, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from promptad_db.fusion.gate_signals import GateExample

HoldOut = Literal["category", "dataset"]
HOLD_OUTS: tuple[HoldOut, ...] = ("category", "dataset")

FORMAT = 1
FEWEST_CATEGORIES = 2
_ENOUGH_STEPS = 10_000
_HALF = 0.5


@dataclass(frozen=True)
class Gate:
    """A trained gate: for each of ``signals`` its mean and scale on the training images and its coefficient.

    ``cells`` are what it was trained on, ``images`` how many images of them told the branches apart.
    """

    signals: tuple[Label, ...]
    means: tuple[Finite, ...]
    scales: tuple[Finite, ...]
    coefficients: tuple[Finite, ...]
    intercept: Finite
    hold_out: HoldOut
    images: Count
    cells: tuple[GateCell, ...]

    def weights(self, signals: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """The weight of the semantic branch for each image, [N], 0..1."""
        table = np.stack([signals[name] for name in self.signals], axis=1)
        standard = (table - np.array(self.means)) / np.array(self.scales)
        # One sum an image, so that its weight does not depend on the images beside it.
        evidence = (standard * np.array(self.coefficients)).sum(axis=1) + self.intercept
        weights: NDArray[np.float64] = 0.5 * (1 + np.tanh(evidence / 2))
        return weights

    def note(self) -> str:
        """What it was trained on, in words."""
        categories = len({(cell.dataset, cell.category) for cell in self.cells})
        kept_out = "none of this category" if self.hold_out == "category" else "none of this dataset"
        return f"supervised by the labels of {self.images} images of {categories} other categories, {kept_out}"

    def document(self) -> dict[str, Any]:
        """It as JSON can hold it; ``gate_of_document`` is the inverse."""
        return {"format": FORMAT, **asdict(self)}


def gate_of_document(document: Mapping[str, Any]) -> Gate:
    """The gate that a JSON document describes; InputError for one that is not whole or of a newer format."""
    content = dict(document)
    if content.pop("format", None) != FORMAT:
        raise InputError(f"not a gate of format {FORMAT}", "upgrade the package: pip install -U promptad-db")
    unknown = content.keys() - {field.name for field in fields(Gate)}
    if unknown:
        raise InputError(f"not a gate: {', '.join(sorted(map(shown, unknown)))} is no field of one")
    gate: Gate = conform(content, Gate, "not a gate")
    if not len(gate.signals) == len(gate.means) == len(gate.scales) == len(gate.coefficients) or 0 in gate.scales:
        raise InputError("not a gate: every signal needs a mean, a scale that is not zero, and a coefficient")
    return gate


def may_train_on(cell: GateCell, other: GateCell, hold_out: HoldOut) -> bool:
    """Whether the labels of ``other`` may train the gate of ``cell``: never those of a category of the same name."""
    if hold_out not in HOLD_OUTS:
        raise UsageError(f"hold_out is {hold_out!r}", f"use one of {', '.join(HOLD_OUTS)}")
    if other.task != cell.task or other.category == cell.category:
        return False
    return hold_out == "category" or other.dataset != cell.dataset


def trained_gate(example: GateExample, examples: Sequence[GateExample], hold_out: HoldOut) -> Gate:
    """The gate for ``example``'s cell, trained on those of ``examples`` whose labels may enter.

    It uses the signals that all of them have. The same examples give the same gate to the last bit. Raises InputError
    when fewer than two other categories have both classes, or the same branch is the better one on all their images.
    """
    training = [
        other for other in examples if may_train_on(example.cell, other.cell, hold_out) and other.advantage is not None
    ]
    training.sort(key=lambda other: (other.cell.dataset, other.cell.category, other.cell.run_id))
    categories = {other.cell.category for other in training}
    if len(categories) < FEWEST_CATEGORIES:
        where = "categories" if hold_out == "category" else "categories of other datasets"
        raise InputError(
            f"a gate learns on other {where}, at least {FEWEST_CATEGORIES} with both classes",
            f"the selected runs hold {len(categories)}; select more runs"
            + ("" if hold_out == "category" else ", or use --hold-out category"),
        )
    names = tuple(name for name in example.signals if all(name in other.signals for other in training))
    table = np.concatenate([np.stack([other.signals[name] for name in names], axis=1) for other in training])
    advantage = np.concatenate([other.advantage for other in training if other.advantage is not None])
    sizes = np.concatenate([np.full(len(other.advantage), len(other.advantage)) for other in training])  # type: ignore[arg-type]
    differing = advantage != 0
    return _fitted(names, table[differing], advantage[differing], sizes[differing], hold_out, training)


def _fitted(
    names: tuple[str, ...],
    table: NDArray[np.float64],
    advantage: NDArray[np.float64],
    sizes: NDArray[np.int64],
    hold_out: HoldOut,
    training: Sequence[GateExample],
) -> Gate:
    from sklearn.linear_model import LogisticRegression

    better = advantage > 0
    if better.all() or not better.any():
        which = "nowhere" if not better.any() else "everywhere"
        raise InputError(
            f"the semantic branch ranks better {which} on the other categories: a gate has no choice to learn"
        )
    means, scales = table.mean(axis=0), table.std(axis=0)
    scales[scales <= np.abs(means) * 1e-12] = 1.0
    stakes = np.abs(advantage) / sizes
    model = LogisticRegression(max_iter=_ENOUGH_STEPS)
    model.fit((table - means) / scales, better, sample_weight=stakes / stakes.mean())
    return Gate(
        signals=names,
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        coefficients=tuple(model.coef_[0].tolist()),
        intercept=float(model.intercept_[0]),
        hold_out=hold_out,
        images=len(table),
        cells=tuple(example.cell for example in training),
    )


def hard(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weights of a hard choice: 1 where the semantic branch has at least half, else 0."""
    return (weights >= _HALF).astype(np.float64)
