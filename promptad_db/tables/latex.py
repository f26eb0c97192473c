"""LaTeX tables in the manner of booktabs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from promptad_db.tables.grid import NO_ROWS, Grid, TableCell
from promptad_db.tables.values import one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_PACKAGES = "% needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}\n"
_PACKAGES_OF_WIDE = (
    "% needs \\usepackage{booktabs}, \\usepackage[T1]{fontenc} and \\usepackage{graphicx}, which scales wide tables\n"
)
_SCALED = r"\resizebox{\ifdim\width>\linewidth \linewidth\else\width\fi}{!}{%"
_TEXT_WIDTH = 345  # points, of an article in 10 pt; TeX itself decides whether a table that seems wider is scaled
_CHARACTER, _COLUMN_SEPARATION = 6, 12  # points; a bold digit takes 5.75
_SPECIAL = {
    **{char: f"\\{char}" for char in "&%$#_{}"},
    **{char: f"{{{char}}}" for char in "[]*"},  # at the start of a row the \\ before it would take them for its own
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
    "×": r"$\times$",  # noqa: RUF001 - the sign is meant
    "→": r"$\rightarrow$",
    "–": "--",  # noqa: RUF001 - the en dash is meant
    "—": "---",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "§": r"\S{}",
    "¶": r"\P{}",
    "‖": r"$\|$",
}
_LAST_LATIN_1 = "\xff"
_KNOWN_TO_T1 = "‘’“”„…"  # noqa: RUF001 - typographic quotes are meant


def latex_tables(grids: Sequence[Grid], notes: Sequence[str] = ()) -> str:
    """One ``table`` environment a section, under comments that name the packages and hold the notes.

    What is wider than a line is scaled.
    """
    packages = _PACKAGES_OF_WIDE if any(_seems_wide(grid) for grid in grids) else _PACKAGES
    comments = "".join(f"% note: {one_line(text)}\n" for text in notes)
    return "\n".join([packages + comments, *(_environment(grid) for grid in grids)])


def _environment(grid: Grid) -> str:
    lines = ["\\begin{table}", "  \\centering"]
    if grid.title or grid.name:
        lines.append(f"  \\caption{{{_escaped(grid.title or grid.name)}}}")
    if grid.name:
        lines.append(f"  \\label{{tab:{re.sub('[^A-Za-z0-9-]+', '-', grid.name)}}}")
    lines += _tabular(grid) if grid.rows else [f"  {NO_ROWS}"]
    lines += [f"  \\par\\smallskip{{\\footnotesize {_escaped(line)}}}" for line in grid.footnotes]
    return "\n".join([*lines, "\\end{table}\n"])


def _seems_wide(grid: Grid) -> bool:
    texts = zip(grid.headers, *([cell.text for cell in row] for row in grid.rows), strict=True)
    widths = [_CHARACTER * max(map(len, column)) + _COLUMN_SEPARATION for column in texts]
    return bool(grid.rows) and sum(widths) > _TEXT_WIDTH


def _tabular(grid: Grid) -> list[str]:
    columns = "".join("r" if numeric else "l" for numeric in grid.numeric)
    wide = _seems_wide(grid)
    return [
        *([f"  {_SCALED}"] if wide else []),
        f"  \\begin{{tabular}}{{{columns}}}",
        "    \\toprule",
        _line(_escaped(header) for header in grid.headers),
        "    \\midrule",
        *(_line(_value(*pair) for pair in zip(row, grid.numeric, strict=True)) for row in grid.rows),
        "    \\bottomrule",
        "  \\end{tabular}" + ("}" if wide else ""),
    ]


def _line(texts: Iterable[str]) -> str:
    return f"    {' & '.join(texts)} \\\\"


def _value(cell: TableCell, numeric: bool) -> str:  # noqa: FBT001 - comes from a zip
    text = _escaped(cell.text)
    if numeric and text.startswith("-") and text != "--":
        text = f"$-${text[1:]}"
    return f"\\textbf{{{text}}}" if cell.best else text


def _escaped(text: str) -> str:
    return "".join(_SPECIAL.get(char) or _typeset(char) for char in one_line(text))


def _typeset(char: str) -> str:
    # pdflatex stops at a character without a glyph.
    return char if char <= _LAST_LATIN_1 or char in _KNOWN_TO_T1 else f"U+{ord(char):04X}"
