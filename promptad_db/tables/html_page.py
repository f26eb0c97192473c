"""One small HTML page that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from promptad_db.tables.grid import NO_ROWS, Grid, TableCell
from promptad_db.tables.values import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 15px/1.4 system-ui, sans-serif; margin: 2em; overflow-x: auto }}
table {{ border-collapse: collapse; margin-bottom: 2em }}
caption {{ text-align: left; padding: .5em 0 }}
th, td {{ text-align: left; padding: .2em .8em; border-bottom: 1px solid #8886 }}
.number {{ text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }}
</style>
</head>
<body>
{body}
</body>
</html>
"""


def html_page(grids: Sequence[Grid]) -> str:
    """The sections as tables of one HTML5 document."""
    names = ", ".join(grid.name for grid in grids if grid.name)
    title = f"promptad-db: {names}" if names else "promptad-db"
    return _PAGE.format(title=_escaped(title), body="\n".join(_table(grid) for grid in grids))


def _table(grid: Grid) -> str:
    lines = ["<table>"]
    if grid.name:
        title = f" — {_escaped(grid.title)}" if grid.title else ""
        lines.append(f"<caption><strong>{_escaped(grid.name)}</strong>{title}</caption>")
    lines += _rows(grid) if grid.rows else [f"<tbody>\n<tr><td>{NO_ROWS}</td></tr>\n</tbody>"]
    return "\n".join([*lines, "</table>"])


def _rows(grid: Grid) -> list[str]:
    kinds = [' class="number"' if numeric else "" for numeric in grid.numeric]
    headers = (
        f'<th scope="col"{kind}>{_escaped(header)}</th>' for header, kind in zip(grid.headers, kinds, strict=True)
    )
    rows = (
        "".join(f"<td{kind}>{_value(cell)}</td>" for cell, kind in zip(row, kinds, strict=True)) for row in grid.rows
    )
    return [
        f"<thead>\n<tr>{''.join(headers)}</tr>\n</thead>",
        "<tbody>",
        *(f"<tr>{row}</tr>" for row in rows),
        "</tbody>",
    ]


def _value(cell: TableCell) -> str:
    text = _escaped(cell.text)
    return f"<strong>{text}</strong>" if cell.best else text


def _escaped(text: str) -> str:
    return escape(one_line(text))
