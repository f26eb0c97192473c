"""The finding of a report in one sentence, and the numbers behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, Any]

_NAMES = {"cls": "image level (CLS)", "seg": "pixel level (SEG)"}


def finding(summary: Sequence[Row], branches: tuple[str, str]) -> str:
    """Which branch is weaker in how many cells, from the rows of the section *summary*."""
    weaker = [_weaker(row, branches) for row in summary if row["cells"]]
    if not weaker:
        return f"No cell has an AUROC of both {branches[0]} and {branches[1]}."
    guessed = " By estimates, which are not AUROCs." if any(row["provenance"] == "approx" for row in summary) else ""
    return f"The weaker branch is {', and '.join(weaker)}.{guessed}"


def numbers(summary: Sequence[Row], branches: tuple[str, str]) -> list[str]:
    """The means of both branches and of the gap, a line a task."""
    return [_means(row, branches) for row in summary if row["cells"]]


def _weaker(row: Row, branches: tuple[str, str]) -> str:
    where = _NAMES.get(row["task"], row["task"])
    counts = {branch: row[f"{branch}_weaker"] for branch in branches}
    if len(set(counts.values())) == 1:
        return f"neither more often than the other at {where}"
    weaker = max(counts, key=lambda branch: counts[branch])
    share = f"{100 * counts[weaker] / row['cells']:.1f} %"
    return f"{weaker} in {counts[weaker]} of {row['cells']} cells ({share}) at {where}"


def _means(row: Row, branches: tuple[str, str]) -> str:
    means = ", ".join(f"{branch} {100 * row[f'{branch}_mean']:.2f} %" for branch in branches)
    low, high = (row.get(f"mean_gap_ci_{end}") for end in ("low", "high"))
    interval = "" if low is None or high is None else f" [{100 * low:+.2f}, {100 * high:+.2f}]"
    return (
        f"{row['task'].upper()}, {row['cells']} cells: mean AUROC {means}; "
        f"mean gap {100 * row['mean_gap']:+.2f}{interval} points, "
        f"mean absolute gap {100 * row['mean_abs_gap']:.2f} points."
    )
