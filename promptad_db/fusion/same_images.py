"""Categories that hold the same images under two dataset names, by the content of their scores and ground truth."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from promptad_db.fusion.gate_signals import GateCell, GateExample

_FEWEST = 3


def same_images(one: GateExample, other: GateExample) -> bool:
    """Whether two categories hold the same images.

    They do when at least three, and half, of the images of the smaller one have the scores of both branches, or the
    mask, of an image of the other; or when categories of one name list the same images with the same ground truth.
    """
    if one.content is None or other.content is None:
        return False
    if _overlap(one.content.scores, other.content.scores) or _overlap(one.content.masks, other.content.masks):
        return True
    same_name = one.cell.category.casefold() == other.cell.category.casefold()
    return same_name and one.content.listing == other.content.listing


class SameImages:
    """Which dataset names, and which category names, stand for the same images."""

    def __init__(self, examples: Iterable[GateExample]) -> None:
        self._dataset: dict[str, str] = {}
        self._category: dict[str, str] = {}
        for one, other in combinations(examples, 2):
            if one.cell.dataset != other.cell.dataset and same_images(one, other):
                _unite(self._dataset, one.cell.dataset, other.cell.dataset)
                _unite(self._category, one.cell.category.casefold(), other.cell.category.casefold())

    def named(self, cell: GateCell) -> GateCell:
        """The cell under the one name that its images have here."""
        category = cell.category.casefold()
        dataset = self._dataset.get(cell.dataset, cell.dataset).casefold()
        return replace(cell, dataset=dataset, category=self._category.get(category, category))

    def notes(self) -> list[str]:
        """One line a dataset that has two names."""
        return [
            f"{other} and {name} hold the same images: neither trains a gate of the other's"
            for other, name in self._dataset.items()
            if other != name
        ]


def _unite(names: dict[str, str], one: str, other: str) -> None:
    """Let all names of either have one name."""
    kept, gone = names.setdefault(one, one), names.setdefault(other, other)
    names |= {name: kept for name, shared in names.items() if shared == gone}


def _overlap(one: frozenset[bytes], other: frozenset[bytes]) -> bool:
    common = len(one & other)
    return common >= _FEWEST and 2 * common >= min(len(one), len(other))
