"""A table of separated values as what every program calls CSV: commas, UTF-8, the header in the first line."""

from __future__ import annotations

import csv
import io
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.csv_batches import GuardedLines
from promptad_db.ingestion.readers.table_files import Layout, decimal, layout_of, unpacked
from promptad_db.limits import LARGEST_TABLE_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def plain_csv(path: Path, scores: Sequence[str]) -> Iterator[Path]:
    """The file itself where it is plain, else a copy that lives as long as the context; its lines keep their numbers.

    In the columns ``scores``, by their names without spaces around them, a decimal comma becomes a point. InputError,
    csv.Error, OSError or UnicodeDecodeError for a file that is broken.
    """
    layout = layout_of(path)
    if layout.plain:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.csv"
        with unpacked(path) as raw, plain.open("w", newline="", encoding="utf-8") as file:
            text = io.TextIOWrapper(raw, encoding=layout.encoding, newline="")
            _convert(text, file, layout, set(scores))
            text.detach()
        yield plain


def _convert(text: TextIO, file: TextIO, layout: Layout, scores: set[str]) -> None:
    """Every row in a line of the same number: blank lines stand for what is above the header or was blank."""
    for _ in range(layout.skipped):
        text.readline()
    given = GuardedLines(text)
    reader = csv.reader(given, delimiter=layout.delimiter, strict=True, skipinitialspace=True)
    writer = csv.writer(file, lineterminator="\n")
    numeric = [index for index, name in enumerate(layout.header) if name.strip() in scores]
    lines = size = 0
    for cells in reader:
        given.of_row = 0
        if not cells:
            continue
        for index in numeric:
            if index < len(cells):
                cells[index] = decimal(cells[index], layout.delimiter)
        breaks = sum(_line_breaks(cell) for cell in cells)
        last = reader.line_num + layout.skipped
        file.write("\n" * (last - breaks - 1 - lines))
        size += writer.writerow([cell.strip() for cell in cells])
        lines = last
        if size > LARGEST_TABLE_FILE:
            raise InputError(f"becomes larger than {LARGEST_TABLE_FILE >> 20} MiB when unpacked, too large to be read")


def _line_breaks(cell: str) -> int:
    return len(io.StringIO(cell, newline="").readlines()) - (not cell.endswith(("\n", "\r"))) if cell else 0
