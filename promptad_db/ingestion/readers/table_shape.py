"""Which columns make a long table: one score a row, or a column of scores for each branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from promptad_db.ingestion.readers.plausibility import RESERVED_BRANCHES
from promptad_db.records import BRANCHES

if TYPE_CHECKING:
    from collections.abc import Sequence

REQUIRED = ("dataset", "category", "k_shot", "task", "branch", "image", "label", "score")
MODEL = ("model", "backbone", "checkpoint")
OPTIONAL = ("seed", "experiment", "method", "variant", "defect_type", *MODEL)
NAMED_ELSEWHERE = {"dataset", "k_shot", "task"}
"""Required columns that folders and options may tell instead."""

RUN = ("experiment", "method", "variant", *MODEL, "dataset", "k_shot", "seed", "task")
_ENDINGS = ("_scores", "_score")


class Shape(NamedTuple):
    """The columns that are read: ``columns`` of names, ``scores`` of numbers, one for each of the ``branches``, None
    where a column tells the branch. ``lacking`` are required ones that are not there.
    """

    columns: list[str]
    scores: list[str]
    branches: list[str] | None
    lacking: list[str]

    def complete(self, elsewhere: set[str]) -> bool:
        """Whether everything is there that neither options nor ``elsewhere`` can tell."""
        return not set(self.lacking) - elsewhere - NAMED_ELSEWHERE


def shape_of(names: Sequence[str]) -> Shape:
    """The shape of a table with these columns. Without a column score, one called semantic or memory (or
    semantic_score) makes it a wide table, where every column named after a branch is one.
    """
    branches = {name: branch for name in names if (branch := _branch(name)) is not None}
    wide = "score" not in names and not set(BRANCHES).isdisjoint(branches.values())
    needed = [name for name in REQUIRED if not wide or name not in ("branch", "score")]
    columns = [name for name in (*needed, *OPTIONAL) if name in names and name != "score"]
    lacking = [name for name in needed if name not in names]
    if wide:
        return Shape(columns, list(branches), list(branches.values()), lacking)
    return Shape(columns, ["score"], None, lacking)


def _branch(name: str) -> str | None:
    """The branch whose scores a column of this name holds."""
    word = name.lower()
    for ending in _ENDINGS:
        word = word.removesuffix(ending)
    return word if word in RESERVED_BRANCHES else None
