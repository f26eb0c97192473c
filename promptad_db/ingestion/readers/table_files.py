"""How a table was written down: compression, encoding, the lines above its header, its delimiter, its columns.

Comma, semicolon, tab and pipe; UTF-8 and UTF-16; gzip, bzip2 and zstd; comments that begin with ``#`` and Excel's ``sep=``
above the header; ``key=value`` folders as Hive and Spark write them. Where numbers are not separated by commas, a comma
in a number is its decimal point.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_TEXT, MOST_CELLS, MOST_LINES
from promptad_db.storage.files import require_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd", ".zstd": "zstd"}
SEPARATED_SUFFIXES = (".csv", ".tsv")
PARQUET_SUFFIXES = (".parquet", ".pq")
SUFFIXES = (
    *SEPARATED_SUFFIXES,
    *PARQUET_SUFFIXES,
    *(f"{one}{two}" for one in SEPARATED_SUFFIXES for two in COMPRESSIONS),
)
NOT_UTF8 = "not UTF-8 text"
CONVERT = "convert it, for example: iconv -f GB18030 -t UTF-8 scores.csv > utf8.csv"

_DELIMITERS = (",", ";", "\t", "|")
_HEAD = 1 << 16
_BLOCK = 1 << 20
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+\s*")


class Layout(NamedTuple):
    """How a file of separated values is written: ``header`` holds the names as they stand there, ``skipped`` counts the
    lines above them, and ``spaced`` says whether there are spaces after the delimiters.
    """

    compression: str | None
    encoding: str
    delimiter: str
    skipped: int
    header: list[str]
    spaced: bool

    @property
    def plain(self) -> bool:
        """Whether commas, UTF-8 and nothing above the header make it what every program calls CSV."""
        written = (self.compression, self.encoding, self.delimiter, self.skipped, self.spaced)
        return written == (None, "utf-8-sig", ",", 0, False)


def table_suffix(path: Path) -> str:
    """``.csv`` of scores.csv.gz and SCORES.CSV."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compressed = len(suffixes) > 1 and suffixes[-1] in COMPRESSIONS
    return suffixes[-2] if compressed else suffixes[-1] if suffixes else ""


def is_separated(path: Path) -> bool:
    """Whether a file is called as tables of separated values are."""
    return table_suffix(path) in SEPARATED_SUFFIXES


def is_parquet(path: Path) -> bool:
    """Whether a file is called as Parquet files are."""
    return path.suffix.lower() in PARQUET_SUFFIXES


def is_json(path: Path) -> bool:
    """Whether a file is called as JSON files are."""
    return path.suffix.lower() == ".json"


def layout_of(path: Path) -> Layout:
    """How a table of separated values is written, leniently read; InputError for one that cannot be read at all."""
    compression = COMPRESSIONS.get(path.suffix.lower())
    try:
        with unpacked(path) as file:
            raw = file.read(_HEAD)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({(str(error).splitlines() or [''])[0][:120]})") from error
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    lines = io.StringIO(raw.decode(encoding, errors="replace"), newline="").readlines() or [""]
    skipped, delimiter = _above(lines)
    head = "".join(lines[skipped:])
    delimiter = delimiter or _delimiter(lines[skipped] if skipped < len(lines) else "")
    header, written = (_first_row(head, delimiter, skipinitialspace=skip) for skip in (True, False))
    return Layout(
        compression, encoding, delimiter, skipped, header, spaced=[name.strip() for name in written] != written
    )


def _first_row(text: str, delimiter: str, *, skipinitialspace: bool) -> list[str]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=skipinitialspace)
    try:
        return next((cells for cells in reader if cells), [])
    except csv.Error:
        return []


def _above(lines: Sequence[str]) -> tuple[int, str | None]:
    """How many lines stand above the header, and the delimiter that one of them names."""
    delimiter = None
    for number, line in enumerate(lines):
        text = line.strip("\r\n")
        if text.lower().startswith("sep=") and len(text) == len("sep=") + 1:
            delimiter = text[-1]
        elif text.strip() and not text.startswith("#"):
            return number, delimiter
    return 0, delimiter


def _delimiter(line: str) -> str:
    """The delimiter that cuts a header into the most cells."""
    cells = {mark: len(next(csv.reader([line], delimiter=mark), [])) for mark in _DELIMITERS if mark in line}
    return max(cells, key=lambda mark: cells[mark], default=",")


@contextmanager
def unpacked(path: Path) -> Iterator[Any]:
    """The bytes of a file, decompressed where its suffix says that it is compressed. Raises OSError."""
    import pyarrow as pa

    compression = COMPRESSIONS.get(path.suffix.lower())
    with path.open("rb") as raw:
        if compression is None:
            yield raw
        else:
            with pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), compression) as stream:
                yield stream


def decimal(cell: str, delimiter: str) -> str:
    """A cell with the decimal point of Python, where the delimiter leaves the comma free to be one."""
    return cell.replace(",", ".") if delimiter != "," and _DECIMAL_COMMA.fullmatch(cell) else cell


def read_lines(path: Path) -> str:
    """The text of a small table or a log; InputError for one with too many lines or cells, each of which is an object."""
    require_file(path, LARGEST_TEXT)
    try:
        with unpacked(path) as file:
            raw = b"".join(islice(iter(partial(file.read, _BLOCK), b""), LARGEST_TEXT // _BLOCK + 1))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({(str(error).splitlines() or [''])[0][:120]})") from error
    if len(raw) > LARGEST_TEXT:
        raise InputError(f"larger than {LARGEST_TEXT >> 20} MiB when unpacked, too large to be read")
    lines, cells = raw.count(b"\n") + raw.count(b"\r"), sum(raw.count(mark.encode()) for mark in _DELIMITERS)
    if lines > 2 * MOST_LINES or cells > MOST_CELLS:
        raise InputError(f"holds more than {MOST_LINES:,} lines or {MOST_CELLS:,} cells")
    encoding = "utf-16" if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    try:
        return str(raw.decode(encoding))
    except UnicodeDecodeError as error:
        raise InputError(NOT_UTF8, CONVERT) from error


def csv_header(path: Path, known: Iterable[str]) -> list[str]:
    """The names of the columns, leniently read, those in ``known`` as they are spelled there; none of what is no CSV."""
    if not is_separated(path):
        return []
    try:
        return spelled(layout_of(path).header, known)
    except InputError:
        return []


def spelled(header: Sequence[str], known: Iterable[str]) -> list[str]:
    """Names of columns without spaces around them, and those that differ in case alone from a known one as that."""
    names = {name.lower(): name for name in known}
    return [names.get(name.strip().lower(), name.strip()) for name in header]


class Lines(NamedTuple):
    """The header and the rows of a small table, each with its line; blank rows and further headers are none. ``text`` is
    all of it.
    """

    header: list[str]
    rows: list[tuple[int, list[str]]]
    text: str


def csv_lines(path: Path, known: Iterable[str]) -> Lines:
    """The rows of a small table, however long they are; InputError for a file that is broken."""
    text, layout = read_lines(path), layout_of(path)
    stream = io.StringIO(text, newline="")
    for _ in range(layout.skipped):
        stream.readline()
    reader = csv.reader(stream, delimiter=layout.delimiter, strict=True, skipinitialspace=True)
    try:
        header = spelled(next((cells for cells in reader if cells), []), known)
        rows = [
            (reader.line_num + layout.skipped, [decimal(cell, layout.delimiter) for cell in cells])
            for cells in reader
            if any(cell.strip() for cell in cells) and spelled(cells, known) != header
        ]
    except csv.Error as error:
        raise InputError(f"not a readable CSV file ({error})") from error
    if len(set(header)) < len(header):
        raise InputError("two columns have the same name")
    return Lines(header, rows, text)


def by_column(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    """The cells of one row by their columns; InputError when it is shorter or longer than the header."""
    if len(cells) != len(header):
        raise InputError(f"has {len(cells)} cells, the header {len(header)}")
    return dict(zip(header, cells, strict=True))


def csv_rows(path: Path, known: Iterable[str]) -> list[tuple[int, dict[str, str]]]:
    """Every row of a small table by its columns, with its line; InputError for a file or a row that is broken."""
    header, rows, _ = csv_lines(path, known)
    if not rows:
        raise InputError("holds no rows")
    for line, cells in rows:
        if len(cells) != len(header):
            raise InputError(f"line {line} has {len(cells)} cells, the header {len(header)}; nothing of it is taken")
    return [(line, dict(zip(header, cells, strict=True))) for line, cells in rows]


def partitions(path: Path) -> dict[str, str]:
    """The columns that the folders of a partitioned table hold: dataset and category of dataset=mvtec/category=grid."""
    found: dict[str, str] = {}
    for folder in path.parts[:-1][::-1]:
        name, equals, value = folder.partition("=")
        if not equals:
            break
        found.setdefault(name.lower(), "" if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value))
    return found
