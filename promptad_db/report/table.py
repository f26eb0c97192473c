"""Tables for a terminal, by rich."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from promptad_db.report.grid import NO_ROWS
from promptad_db.report.values import visible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, JustifyMethod
    from rich.table import Table
    from rich.text import Text

    from promptad_db.report.grid import Grid

_NO_LIMIT = 1_000_000
_GAP = 2  # between two columns
_TRANSPOSED_UP_TO = 4  # rows
_NARROWEST_COLUMN = 5  # below it rich drops characters; lines that the terminal breaks are better


def tables(grids: Sequence[Grid], *, width: int | None, colour: bool) -> str:
    """The grids one below the other; nothing is ever cut, and without ``width`` nothing is folded either."""
    text = "\n\n".join(_section(grid, width or _NO_LIMIT, colour=colour) for grid in grids)
    return "\n".join(line.rstrip() for line in text.split("\n")) + "\n"


def _section(grid: Grid, width: int, *, colour: bool) -> str:
    from rich.text import Text

    console = _console(max(width, _NARROWEST_COLUMN * len(grid.headers)), colour=colour)
    assert isinstance(console.file, io.StringIO)
    if grid.name:
        title = f" — {visible(grid.title)}" if grid.title else ""
        console.print(Text.assemble((visible(grid.name), "bold"), title))
    widths = _natural_widths(grid)
    if grid.rows and not colour and sum(widths) + _GAP * (len(widths) - 1) <= console.width:
        return console.file.getvalue() + _plain(grid, widths)
    console.print(_fitting(grid, widths, console.width) if grid.rows else Text(NO_ROWS))
    return console.file.getvalue().removesuffix("\n")


def _console(width: int, *, colour: bool) -> Console:
    from rich.console import Console

    return Console(
        file=io.StringIO(),
        width=width,
        force_terminal=colour,
        force_jupyter=False,
        color_system="standard" if colour else None,
        legacy_windows=False,
        highlight=False,
    )


def _natural_widths(grid: Grid) -> list[int]:
    """How wide each column is when nothing is folded."""
    heads = [max(1, _width(header)) for header in grid.headers]
    return [max(head, value) for head, value in zip(heads, _value_widths(grid), strict=True)]


def _value_widths(grid: Grid) -> list[int]:
    columns = range(len(grid.headers))
    return [max((_width(row[index].text) for row in grid.rows), default=0) for index in columns]


def _width(text: str) -> int:
    from rich.cells import cell_len

    return cell_len(visible(text))


def _plain(grid: Grid, widths: list[int]) -> str:
    """What rich would print of a table that fits, without styles; rich needs seconds for thousands of rows."""

    def line(texts: Sequence[str]) -> str:
        padded = []
        for text, width, numeric in zip(texts, widths, grid.numeric, strict=True):
            space = " " * (width - _width(text))
            padded.append(space + visible(text) if numeric else visible(text) + space)
        return (" " * _GAP).join(padded)

    rule = "─" * (sum(widths) + _GAP * (len(widths) - 1))
    return "\n".join([line(grid.headers), rule, *(line([cell.text for cell in row]) for row in grid.rows)])


def _fitting(grid: Grid, natural: list[int], width: int) -> Table:
    if sum(natural) + _GAP * (len(natural) - 1) <= width:
        return _upright(grid, natural, _GAP)
    if len(grid.rows) <= _TRANSPOSED_UP_TO:
        return _transposed(grid)
    words = [max(map(_width, header.split()), default=1) for header in grid.headers]
    return _upright(grid, _tight(_value_widths(grid), words, width), gap=1)


def _tight(values: list[int], words: list[int], width: int) -> list[int] | list[None]:
    """Column widths that keep every value whole and break headers instead, the longest words first; None: rich folds."""
    widths = [max(1, value) for value in values]
    spare = width - sum(widths) - (len(widths) - 1)
    if spare < 0:
        return [None] * len(widths)
    missing = [max(0, word - value) for word, value in zip(words, widths, strict=True)]
    for index in sorted(range(len(widths)), key=missing.__getitem__):
        added = min(spare, missing[index])
        widths[index] += added
        spare -= added
    return widths


def _upright(grid: Grid, widths: Sequence[int | None], gap: int) -> Table:
    table = _empty_table(gap)
    for header, numeric, width in zip(grid.headers, grid.numeric, widths, strict=True):
        justify: JustifyMethod = "right" if numeric else "left"
        table.add_column(_text(visible(header), bold=True), justify=justify, overflow="fold", width=width)
    for row in grid.rows:
        table.add_row(*(_text(visible(cell.text), bold=cell.best) for cell in row))
    return table


def _transposed(grid: Grid) -> Table:
    table = _empty_table(_GAP)
    table.show_header = False
    table.add_column(overflow="fold")
    for _ in grid.rows:
        table.add_column(justify="right", overflow="fold")
    for index, header in enumerate(grid.headers):
        cells = [row[index] for row in grid.rows]
        table.add_row(_text(visible(header), bold=True), *(_text(visible(cell.text), bold=cell.best) for cell in cells))
    return table


def _empty_table(gap: int) -> Table:
    from rich import box
    from rich.table import Table

    # The box itself draws one space between two columns.
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0), header_style="")


def _text(text: str, *, bold: bool) -> Text:
    from rich.text import Text

    return Text.assemble((text, "bold" if bold else ""))
