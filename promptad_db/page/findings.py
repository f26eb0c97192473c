"""The finding of a report in words: which branch is weaker, whether that is significant, and the numbers behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from promptad_db.db.queries.significance import ALPHA
from promptad_db.tables.grid import printed

if TYPE_CHECKING:
    from collections.abc import Sequence

Row = dict[str, Any]

_NAMES = {"cls": "image level (CLS)", "seg": "pixel level (SEG)"}


def finding(summary: Sequence[Row], branches: tuple[str, str]) -> str:
    """Which branch is weaker in how many cells, from the rows of the section *summary*."""
    weaker = [_weaker(row, branches) for row in summary if row["cells"]]
    if not weaker:
        return f"No cell has an AUROC of both {branches[0]} and {branches[1]}."
    guessed = " By estimates, which are not AUROCs." if any(map(_is_estimate, summary)) else ""
    return f"The weaker branch is {', and '.join(weaker)}.{guessed}"


def significance(tests: Sequence[Row]) -> str:
    """Whether the difference of both branches is significant over categories, from `significance.category_tests`."""
    return " ".join(f"{_significance(row)}." for row in tests)


def numbers(summary: Sequence[Row], branches: tuple[str, str]) -> list[str]:
    """The means of both branches and of the gap, a line a task."""
    return [_means(row, branches) for row in summary if row["cells"]]


def _is_estimate(row: Row) -> bool:
    return bool(row["provenance"] == "approx")


def _weaker(row: Row, branches: tuple[str, str]) -> str:
    where = _NAMES.get(row["task"], row["task"])
    counts = {branch: row[f"{branch}_weaker"] for branch in branches}
    if len(set(counts.values())) == 1:
        return f"neither more often than the other at {where}"
    weaker = max(counts, key=lambda branch: counts[branch])
    share = f"{100 * counts[weaker] / row['cells']:.1f} %"
    return f"{weaker} in {counts[weaker]} of {row['cells']} cells ({share}) at {where}"


def _significance(row: Row) -> str:
    over = f"over {row['categories']} {'category' if row['categories'] == 1 else 'categories'}"
    where = f"At {_NAMES.get(row['task'], row['task'])} the difference"
    if row["p_value"] is None:
        return f"{where} cannot be tested {over}: fewer than two of them differ"
    p_value = printed(row["p_value"], "p")
    tested = f"{over} (Wilcoxon's signed ranks, p {p_value if p_value.startswith('<') else f'= {p_value}'})"
    if row["p_value"] >= ALPHA:
        return f"{where} is not significant {tested}"
    better = row["branch"] if row["effect_size"] > 0 else row["against"]
    return f"{where} is significant in favour of {better} {tested}"


def _means(row: Row, branches: tuple[str, str]) -> str:
    means = ", ".join(f"{branch} {printed(row[f'{branch}_mean'], 'auroc')} %" for branch in branches)
    low, high = (row.get(f"mean_gap_ci_{end}") for end in ("low", "high"))
    interval = "" if low is None or high is None else f" [{printed(low, 'gap')}, {printed(high, 'gap')}]"
    return (
        f"{row['task'].upper()}, {row['cells']} cells: mean {'estimate' if _is_estimate(row) else 'AUROC'} {means}; "
        f"mean gap {printed(row['mean_gap'], 'gap')}{interval} points, "
        f"mean absolute gap {printed(row['mean_abs_gap'], 'points')} points."
    )
