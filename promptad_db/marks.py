"""What a number is, as marks that stand beside it: estimate, upper bound, supervised, epoch chosen on the test set.

A row says it in the columns ``kind`` (see records.Branch), ``supervision`` (what of test images was used, NULL for
nothing), ``upper_bound``, ``provenance``, ``selection`` and ``protocol``. A row without ``kind`` is what the reserved
name of its branch says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from promptad_db.records import Branch

BRANCH_COLUMNS = ("branch", "rule", "gate", "contender")
"""The columns that name what a row is of; a row has one of them at most."""
KIND_COLUMNS = ("kind", "supervision", "upper_bound")
SIDES = ("_a", "_b")

_SYMBOLS = "*†‡§‖#¶"


class Mark(NamedTuple):
    """A symbol behind a name or a number, and what it means; ``may_win`` tells whether the number may be the best."""

    symbol: str
    meaning: str
    may_win: bool = False


ESTIMATE = Mark("*", "approx: estimated from score means without ground truth, not a measured AUROC")
UPPER_BOUND = Mark("†", "upper bound: it chooses with the labels of the test images")
BEST_ON_TEST = Mark("‖", "best_on_test: the epoch was chosen by test AUROC, in part or whole", may_win=True)
MULTI_CLASS = Mark("#", "multi_class: one model for all categories, in part or whole", may_win=True)
REPORTED = Mark("¶", "reported: taken from a file and not computed here, in part or whole", may_win=True)


def columns_of(branch: Branch) -> dict[str, Any]:
    """The columns of a row that say what a branch is."""
    return {"kind": branch.kind, "supervision": branch.supervision, "upper_bound": branch.kind == "oracle"}


def described(name: Any, row: Mapping[str, Any]) -> dict[str, Any]:
    """The ``kind``, ``supervision`` and ``upper_bound`` of a branch or rule, by its row, else by its reserved name."""
    if row.get("kind") is None:
        from promptad_db.fusion.recipes import branch_of  # loads numpy, and most rows do say what they are

        return columns_of(branch_of(name or ""))
    return {
        "kind": row["kind"],
        "supervision": row.get("supervision"),
        "upper_bound": bool(row.get("upper_bound")) or row["kind"] == "oracle",
    }


def branch_marks(name: Any, row: Mapping[str, Any]) -> tuple[Mark, ...]:
    """The mark of what a branch or rule was made with, see ``described``; none for a fair one."""
    branch = described(name, row)
    if branch["upper_bound"]:
        return (UPPER_BOUND,)
    if branch["supervision"] is None:
        return ()
    return (Mark("‡" if branch["kind"] == "gate" else "§", f"supervised: it uses {branch['supervision']}"),)


def branches_of(row: Mapping[str, Any]) -> list[tuple[Any, Mapping[str, Any], str]]:
    """The branches that a row names, each with what the row says of it and how the names of its columns end.

    A row that sets two branches side by side names them in ``branch_a`` and ``branch_b``, and says what they are in
    ``kind_a`` and so on.
    """
    sides = [end for end in SIDES if f"branch{end}" in row]
    if sides:
        return [(row[f"branch{end}"], {name: row.get(f"{name}{end}") for name in KIND_COLUMNS}, end) for end in sides]
    return [(row[column], row, "") for column in BRANCH_COLUMNS if column in row]


def value_marks(row: Mapping[str, Any]) -> tuple[Mark, ...]:
    """The marks of how the number of a row came about; none for an exact one of a fixed epoch."""
    provenance = str(row.get("provenance") or "exact")
    marks = []
    if provenance == "approx":
        marks.append(ESTIMATE)
    elif provenance != "exact":
        marks.append(REPORTED)
    if row.get("selection") in ("best_on_test", "partly best_on_test"):
        marks.append(BEST_ON_TEST)
    if row.get("protocol") in ("multi_class", "mixed"):
        marks.append(MULTI_CLASS)
    return tuple(marks)


def may_win(name: Any, row: Mapping[str, Any]) -> bool:
    """Whether the number of a row may be called the best: no upper bound, no supervised rule, no estimate."""
    return all(mark.may_win for mark in (*branch_marks(name, row), *value_marks(row)))


def marked(name: Any, marks: Iterable[Mark]) -> Any:
    """A name with the symbols of its marks behind it; what is no text stays as it is."""
    return f"{name}{''.join(mark.symbol for mark in marks)}" if isinstance(name, str) else name


def footnotes(marks: Iterable[Mark]) -> list[str]:
    """What the marks mean, each once, in the order of the symbols."""
    ordered = sorted(set(marks), key=lambda mark: (_SYMBOLS.index(mark.symbol), mark.meaning))
    return [f"{mark.symbol} {mark.meaning}" for mark in ordered]
