"""The common step of the formats for people: a section becomes a grid of texts, which each format only lays out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from promptad_db.tables.values import Best, plain, raw

if TYPE_CHECKING:
    from promptad_db.result_set import ResultSet, Section

NO_ROWS = "(no rows)"
_SMALLEST_P = 1e-4
_MISSING = "–"  # noqa: RUF001 - an en dash is meant
_UNITS = {"auroc": " (%)", "percent": " (%)", "gap": " (points)", "points": " (points)"}


class TableCell(NamedTuple):
    """A printed value, not escaped yet for any format; ``part`` is a gap's share of the largest in its column, 0..1."""

    text: str
    best: bool = False
    weak: bool = False
    part: float | None = None


@dataclass(frozen=True)
class Grid:
    """A section as texts: one header and one alignment a column, rows of cells, and footnotes, a line each.

    A bare result has no name and title.
    """

    name: str
    title: str
    headers: list[str]
    numeric: list[bool]
    rows: list[list[TableCell]]
    footnotes: tuple[str, ...] = ()


def lay_out(section: Section) -> Grid:
    """Print the values of a section by the kinds of its columns."""
    result = section.result
    kinds = [result.kinds.get(column, "") for column in result.columns]
    headers = [
        column.replace("_", " ") + _UNITS.get(kind, "") for column, kind in zip(result.columns, kinds, strict=True)
    ]
    numeric = [kind not in ("", "plan") or _holds_numbers(result, index) for index, kind in enumerate(kinds)]
    places = {column: index for index, column in enumerate(result.columns)}
    rows = [[_cell(value, kind, row, places) for value, kind in zip(row, kinds, strict=True)] for row in result.rows]
    return Grid(section.name, section.title, headers, numeric, rows)


def _holds_numbers(result: ResultSet, index: int) -> bool:
    values = [row[index] for row in result.rows if row[index] is not None]
    return bool(values) and all(_is_number(value) for value in values)


def _cell(value: Any, kind: str, row: tuple[Any, ...], places: dict[str, int]) -> TableCell:
    if isinstance(value, Best):
        return TableCell(str(value), best=True)
    if kind.startswith("share_of:") and _is_number(value):
        whole = places.get(kind.removeprefix("share_of:"))
        return TableCell(share(value, None if whole is None else row[whole]))
    return TableCell(printed(value, kind))


def printed(value: Any, kind: str = "") -> str:
    """One value for people; a kind matters to numbers only."""
    value = plain(value)
    if value is None:
        return _MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if _is_number(value):
        return _number(value, kind)
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    content = raw(value)
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def shortened(value: Any, longest: int) -> Any:
    """A value whose text is no longer than that as it is, else the beginning of its text, and that it was cut."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = printed(value)
    return value if len(text) <= longest else f"{text[:longest]} ... (cut, {len(text)} characters)"


def share(count: Any, whole: Any) -> str:
    """A count with what it is a part of: ``56/81 (69.1 %)``."""
    if whole is None:
        return printed(count)
    percent = f" ({100 * float(count) / float(whole):.1f} %)" if whole else ""
    return f"{printed(count)}/{printed(whole)}{percent}"


def _number(value: float | Decimal, kind: str) -> str:
    if kind in ("auroc", "percent", "points"):
        return f"{100 * float(value) + 0.0:.2f}"  # + 0.0 takes the sign from a negative zero
    if kind == "gap":
        return f"{100 * float(value):+.2f}" if value else "0.00"
    if kind in ("ratio", "ms"):
        return f"{float(value) + 0.0:.2f}"
    if kind == "p":
        return "< 0.0001" if float(value) < _SMALLEST_P else f"{float(value):.4f}"
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(int(value))
    return str(value) if isinstance(value, int) else f"{float(value) + 0.0:.6g}"


def _is_number(value: Any) -> bool:
    value = plain(value)
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
