"""What a Parquet file declares, read from its footer and the headers of its pages before anything is decoded.

The sizes in the footer are a promise of whoever wrote the file, and reading trusts the pages: a file of 600 bytes can
declare four values and hold a page of a billion. The footer is read here as well, since pyarrow ends the whole process
at some that are damaged (``RowGroupMetaData.column``, seen with 26.0).

https://parquet.apache.org/docs/file-format/, with the field numbers of its parquet.thrift.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from promptad_db.limits import LARGEST_FOOTER
from promptad_db.run_folder.thrift import ThriftError, struct_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY = 6, 7
DICTIONARIES = {2, 8}

_LONGEST_HEADER = 1 << 16
_END = 8  # bytes behind the footer: its length and the letters PAR1


class Chunk(NamedTuple):
    """The pages of one column in one row group of ``rows`` rows: their place in the file, and how many values they hold."""

    column: str
    rows: int
    values: int
    start: int
    length: int


class Page(NamedTuple):
    """What a page declares: ``values`` of a column (0 for a dictionary), and its bytes when it is decompressed."""

    values: int
    unpacked: int
    encoding: int


def footer_of(file: BinaryIO) -> dict[int, Any]:
    """What a file says of itself; ThriftError for a footer that is damaged or too large."""
    size = file.seek(0, 2)
    file.seek(max(0, size - _END))
    length = int.from_bytes(file.read(4), "little")
    if length > min(LARGEST_FOOTER, size - _END):
        raise ThriftError("its footer is larger than a footer may be")
    file.seek(size - _END - length)
    footer, _ = struct_at(file.read(length))
    return footer


def chunks(footer: dict[int, Any]) -> Iterator[Chunk]:
    """The columns of each row group, by the footer; ThriftError for one that is damaged."""
    try:
        for group in footer[4]:
            for column in group[1]:
                yield _chunk(column[3], group[3])
    except (AttributeError, LookupError, TypeError) as error:
        raise ThriftError("its footer is damaged") from error


def _chunk(column: dict[int, Any], rows: Any) -> Chunk:
    path = b".".join(column[3]).decode()
    first, dictionary = column[9], column.get(11, 0)
    # Arrow starts at the dictionary when it stands before the data, and at the data otherwise.
    start = dictionary if 0 < dictionary < first else first
    chunk = Chunk(path, rows, column[5], start, column[7])
    _require_sizes(*chunk[1:])
    return chunk


def pages(file: BinaryIO, chunk: Chunk) -> Iterator[Page]:
    """The pages of a column chunk; ThriftError for what is no page header."""
    start, end = chunk.start, chunk.start + chunk.length
    while start < end:
        file.seek(start)
        header, size = struct_at(file.read(min(_LONGEST_HEADER, end - start)))
        try:
            packed = header[3]
            page = _page(header)
        except (LookupError, TypeError) as error:
            raise ThriftError("a page header is damaged") from error
        _require_sizes(packed, *page)
        if start + size + packed > end:
            raise ThriftError("a page is larger than its column")
        yield page
        start += size + packed


def _page(header: dict[int, Any]) -> Page:
    if 5 in header:  # noqa: PLR2004 - a data page
        return Page(header[5][1], header[2], header[5][2])
    if 8 in header:  # noqa: PLR2004 - a data page of version 2
        return Page(header[8][1], header[2], header[8][4])
    return Page(0, header[2], header[7][2] if 7 in header else 0)  # noqa: PLR2004 - a dictionary, or something else


def _require_sizes(*numbers: object) -> None:
    if not all(isinstance(number, int) and number >= 0 for number in numbers):
        raise ThriftError("it declares a size that is no size")
