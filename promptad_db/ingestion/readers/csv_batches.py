"""A CSV file, some rows at a time: the csv module reads it strictly, then Arrow reads it quickly."""

from __future__ import annotations

import csv
from array import array
from typing import TYPE_CHECKING

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_TABLE, LONGEST_ROW, MOST_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path
    from typing import TextIO

    import pyarrow as pa

_BLOCK = 8 << 20  # bytes, of which a row takes half at most


class GuardedLines:
    """The lines of a text file: none without an end, nor those of one row together; ``of_row`` counts their characters."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.of_row = 0

    def __iter__(self) -> Iterator[str]:
        number = 0
        while line := self._file.readline(LONGEST_ROW):
            number += 1
            self.of_row += len(line)
            if "\0" in line:
                raise InputError(f"line {number} holds NUL bytes: the file is damaged, or no text")
            if self.of_row >= LONGEST_ROW:
                raise InputError(f"line {number} belongs to a row of {LONGEST_ROW:,} characters or more")
            yield line


def strict_lines(path: Path) -> array[int]:
    """The line in which each row ends; InputError or csv.Error for a file whose rows are not all of the header's width."""
    lines = array("q")
    with path.open(newline="", encoding="utf-8-sig") as file:
        given = GuardedLines(file)
        reader = csv.reader(given, strict=True)
        width = len(next((cells for cells in reader if cells), []))
        if width > MOST_COLUMNS:
            raise InputError(f"has {width:,} columns, more than {MOST_COLUMNS:,}")
        for cells in reader:
            given.of_row = 0
            if len(cells) == width:
                lines.append(reader.line_num)
            elif cells:
                raise InputError(
                    f"line {reader.line_num} has {len(cells)} cells, the header {width}; nothing of it is taken"
                )
            if len(lines) > LARGEST_TABLE or reader.line_num > 2 * LARGEST_TABLE:
                raise InputError(f"holds more than {LARGEST_TABLE:,} rows, or twice as many lines")
    return lines


def csv_batches(path: Path, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """The columns of a file that ``strict_lines`` found in order, as texts."""
    import pyarrow as pa
    import pyarrow.csv as pacsv

    with pacsv.open_csv(
        path,
        read_options=pacsv.ReadOptions(block_size=_BLOCK),
        parse_options=pacsv.ParseOptions(newlines_in_values=True),
        convert_options=pacsv.ConvertOptions(
            include_columns=list(columns), column_types=dict.fromkeys(columns, pa.string())
        ),
    ) as reader:
        yield from reader
