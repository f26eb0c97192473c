"""What a fusion did, and what it could not do, one line a cause."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Rejection(NamedTuple):
    """What could not be fused: a run, or a category, with the branch that it lacks now, and the reason.

    ``cause`` is the reason without what differs from one category to the next.
    """

    where: Path
    reason: str
    cause: str
    branch: str = ""

    def __str__(self) -> str:
        """One line: the path, or that of what is wrong in it, the branch and the reason."""
        reason = f"{self.branch}: {self.reason}" if self.branch else self.reason
        return reason if reason.startswith((f"{self.where}: ", f"{self.where}/")) else f"{self.where}: {reason}"


@dataclass
class FuseOutcome:
    """What a fusion did, as counts of branches in categories, and what it could not do, each with the reason.

    ``skipped`` are runs with categories that hold reported numbers alone. ``folders`` are all runs that were looked at.
    """

    added: int = 0
    unchanged: int = 0
    cells: int = 0
    folders: list[Path] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    skipped: list[Rejection] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """One line on what was done."""
        done = f"{self.added} branches fused" if self.added else "nothing new"
        already = f" ({self.unchanged} known already)" if self.unchanged else ""
        rejected = f"; {len(self.rejected)} rejected" if self.rejected else ""
        return f"{done}{already} in {self.cells} categories of {len(self.folders)} runs{rejected}"


def lines_of(rejections: Iterable[Rejection]) -> Iterator[str]:
    """One line a cause: the first rejection of it, behind the number of all where there are more."""
    by_cause: dict[str, list[Rejection]] = {}
    for one in rejections:
        by_cause.setdefault(one.cause, []).append(one)
    for alike in by_cause.values():
        places = len({one.where for one in alike})
        branches = ", ".join(dict.fromkeys(one.branch for one in alike if one.branch))
        first = str(alike[0]._replace(branch=branches))
        yield first if places == 1 else f"{places} times, first in {first}"


def reason_of(error: Exception) -> str:
    """What an error says, and how to fix it, in one line."""
    return "; ".join(line.strip() for line in str(error).splitlines())


def rejection_of(where: Path, error: Exception, branch: str = "") -> Rejection:
    """The rejection that an error is; what its hint says may differ from place to place."""
    cause = getattr(error, "cause", None) or (error.strerror if isinstance(error, OSError) else None)
    return Rejection(where, reason_of(error), cause or str(error.args[0]), branch)
