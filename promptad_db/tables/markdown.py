"""GitHub tables."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

from promptad_db.tables.grid import NO_ROWS, Grid, TableCell
from promptad_db.tables.values import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# An underscore inside a word means nothing to GitHub and stays readable as it is.
_SPECIAL = re.compile(r"[\\|`*~\[\]]|(?<![^\W_])_|_(?![^\W_])")


def markdown(grids: Sequence[Grid], notes: Sequence[str] = ()) -> str:
    """Each section as ``## name``, its title, a table and its footnotes; then the notes as a list."""
    parts = [_section(grid) for grid in grids]
    if notes:
        parts.append("".join(["## notes\n\n", *(f"- {_escaped(text)}\n" for text in notes)]))
    return "\n".join(parts)


def _section(grid: Grid) -> str:
    head = f"## {_escaped(grid.name)}\n\n" if grid.name else ""
    title = f"{_escaped(grid.title)}\n\n" if grid.title else ""
    footnotes = "".join(f"\n{_escaped(line)}\n" for line in grid.footnotes)
    return f"{head}{title}{_table(grid) if grid.rows else NO_ROWS}\n{footnotes}"


def _table(grid: Grid) -> str:
    lines = [
        _line(_escaped(header) for header in grid.headers),
        _line("---:" if numeric else "---" for numeric in grid.numeric),
        *(_line(_value(cell) for cell in row) for row in grid.rows),
    ]
    return "\n".join(lines)


def _line(texts: Iterable[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _value(cell: TableCell) -> str:
    text = _escaped(cell.text)
    return f"**{text}**" if cell.best else text


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", escape(one_line(text), quote=False))
