"""Tables for a terminal, by rich."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from promptad_db.tables.grid import NO_ROWS, TableCell
from promptad_db.tables.values import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console, JustifyMethod
    from rich.table import Table
    from rich.text import Text

    from promptad_db.tables.grid import Grid

_NO_LIMIT = 1_000_000
_GAP = 2  # between two columns
_TRANSPOSED_UP_TO = 4  # rows
_WEAK = "magenta"  # readable on black and on white, and no shade of it looks like text to the colour-blind
_BAR = 6  # characters
_EIGHTHS = "▏▎▍▌▋▊▉"
_NARROWEST_COLUMN = 5  # below it rich drops characters; lines that the terminal breaks are better


def tables(grids: Sequence[Grid], *, width: int | None, colour: bool) -> str:
    """The grids one below the other; nothing is ever cut, and without ``width`` nothing is folded either.

    With ``colour`` the weak branch is coloured, and gaps have bars where there is room.
    """
    text = "\n\n".join(_with_footnotes(grid, width or _NO_LIMIT, colour=colour) for grid in grids)
    return "\n".join(line.rstrip() for line in text.split("\n")) + "\n"


def _with_footnotes(grid: Grid, width: int, *, colour: bool) -> str:
    from rich.text import Text

    console = _console(width, colour=False)
    assert isinstance(console.file, io.StringIO)
    for line in grid.footnotes:
        console.print(Text(visible(line)))
    return "\n".join(filter(None, (_section(grid, width, colour=colour), console.file.getvalue().removesuffix("\n"))))


def _section(grid: Grid, width: int, *, colour: bool) -> str:
    from rich.text import Text

    console = _console(max(width, _NARROWEST_COLUMN * len(grid.headers)), colour=colour)
    assert isinstance(console.file, io.StringIO)
    if grid.name:
        title = f" — {visible(grid.title)}" if grid.title else ""
        console.print(Text.assemble((visible(grid.name), "bold"), title))
    widths = _natural_widths(grid)
    if grid.rows and not colour and _fits(widths, _GAP, console.width):
        return console.file.getvalue() + _plain(grid, widths)
    console.print(_fitting(grid, widths, console.width, colour=colour) if grid.rows else Text(NO_ROWS))
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


def _word_widths(grid: Grid) -> list[int]:
    """How wide the longest word of each header is."""
    return [max(map(_width, header.split()), default=1) for header in grid.headers]


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


def _fitting(grid: Grid, natural: list[int], width: int, *, colour: bool) -> Table:
    if colour:
        barred = _with_bars(grid)
        widths, narrowest = _natural_widths(barred), list(map(max, _value_widths(barred), _word_widths(barred)))
        if _fits(widths, _GAP, width) or (len(grid.rows) > _TRANSPOSED_UP_TO and _fits(narrowest, 1, width)):
            grid, natural = barred, widths
    if _fits(natural, _GAP, width):
        return _upright(grid, natural, _GAP)
    if len(grid.rows) <= _TRANSPOSED_UP_TO:
        return _transposed(grid)
    return _upright(grid, _tight(_value_widths(grid), _word_widths(grid), width), gap=1)


def _fits(widths: list[int], gap: int, width: int) -> bool:
    return sum(widths) + gap * (len(widths) - 1) <= width


def _with_bars(grid: Grid) -> Grid:
    """The grid with a column of bars behind every column of gaps."""
    barred = [any(row[index].part is not None for row in grid.rows) for index in range(len(grid.headers))]

    def widened(values: Sequence[Any], bar_of: Callable[[Any], Any]) -> list[Any]:
        pairs = ([value, bar_of(value)] if has else [value] for value, has in zip(values, barred, strict=True))
        return [value for pair in pairs for value in pair]

    return replace(
        grid,
        headers=widened(grid.headers, lambda _header: ""),
        numeric=widened(grid.numeric, lambda _numeric: False),
        rows=[widened(row, lambda cell: TableCell(_bar(cell.part))) for row in grid.rows],
    )


def _bar(part: float | None) -> str:
    """A bar of blocks, to an eighth of a character; what is not zero has at least one eighth."""
    if not part:
        return ""
    whole, eighths = divmod(max(1, round(part * 8 * _BAR)), 8)
    return "█" * whole + (_EIGHTHS[eighths - 1] if eighths else "")


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
        table.add_column(_text(header, "bold"), justify=justify, overflow="fold", width=width)
    for row in grid.rows:
        table.add_row(*map(_value, row))
    return table


def _transposed(grid: Grid) -> Table:
    table = _empty_table(_GAP)
    table.show_header = False
    table.add_column(overflow="fold")
    for _ in grid.rows:
        table.add_column(justify="right", overflow="fold")
    for index, header in enumerate(grid.headers):
        cells = [row[index] for row in grid.rows]
        table.add_row(_text(header, "bold"), *map(_value, cells))
    return table


def _empty_table(gap: int) -> Table:
    from rich import box
    from rich.table import Table

    # The box itself draws one space between two columns.
    return Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, gap - 1, 0, 0), header_style="")


def _value(cell: TableCell) -> Text:
    return _text(cell.text, "bold" if cell.best else _WEAK if cell.weak else "")


def _text(text: str, style: str) -> Text:
    from rich.text import Text

    return Text.assemble((visible(text), style))
