"""What indexing did."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


@dataclass
class IndexOutcome:
    """What indexing did: runs new to the database, runs with new categories, unchanged ones, and what was refused.

    ``categories`` is how many of a new or extended run were written, ``unverified`` how many of them have no manifest,
    since an older version wrote them.
    """

    added: list[str] = field(default_factory=list)
    extended: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    rejected: list[tuple[Path, str]] = field(default_factory=list)
    categories: dict[str, int] = field(default_factory=dict)
    unverified: dict[str, int] = field(default_factory=dict)

    def extend(self, other: IndexOutcome) -> None:
        """Add what another indexing did."""
        self.added += other.added
        self.extended += other.extended
        self.unchanged += other.unchanged
        self.rejected += other.rejected
        self.categories |= other.categories
        self.unverified |= other.unverified

    def about(self, folders: Iterable[Path]) -> IndexOutcome:
        """The part of it that is about some run folders."""
        wanted = set(folders)
        names = {folder.name for folder in wanted}
        return IndexOutcome(
            [run_id for run_id in self.added if run_id in names],
            [run_id for run_id in self.extended if run_id in names],
            [run_id for run_id in self.unchanged if run_id in names],
            [(place, reason) for place, reason in self.rejected if not wanted.isdisjoint((place, *place.parents))],
            *(
                {run_id: count for run_id, count in counts.items() if run_id in names}
                for counts in (self.categories, self.unverified)
            ),
        )
