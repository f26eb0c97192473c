"""What the pages of a Parquet file declare, read from their headers before anything is decoded.

The sizes in the footer are a promise of whoever wrote the file, and reading trusts the pages: a file of 600 bytes can
declare four values and hold a page of a billion. A page header is a Thrift struct in the compact protocol
(https://parquet.apache.org/docs/file-format/data-pages/, https://github.com/apache/thrift/blob/master/doc/specs/).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

LONGEST_HEADER = 1 << 16
DELTA_LENGTH_BYTE_ARRAY, DELTA_BYTE_ARRAY = 6, 7
DICTIONARIES = {2, 8}

_UNPACKED, _PACKED, _DATA, _DICTIONARY, _DATA_V2 = 2, 3, 5, 7, 8
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_WHOLE_NUMBERS = (4, 5, 6)
_LONG_LIST = 15
_DEEPEST = 4


class Page(NamedTuple):
    """What a page declares: ``values`` of a column (0 for a dictionary), and its bytes when it is decompressed."""

    values: int
    unpacked: int
    encoding: int


class PageError(ValueError):
    """A page header that cannot be read."""


def pages(file: BinaryIO, start: int, length: int) -> Iterator[Page]:
    """The pages of a column chunk that takes ``length`` bytes from ``start``; PageError for what is no page header."""
    end = start + length
    while start < end:
        file.seek(start)
        raw = file.read(min(LONGEST_HEADER, end - start))
        try:
            header, size = _struct(raw, 0, _DEEPEST)
            page = _page(header)
            packed = header[_PACKED]
        except (IndexError, KeyError, TypeError) as error:
            raise PageError("a page header is damaged") from error
        if not isinstance(packed, int) or packed < 0 or start + size + packed > end:
            raise PageError("a page is larger than its column")
        yield page
        start += size + packed


def _page(header: dict[int, Any]) -> Page:
    unpacked = header[_UNPACKED]
    if _DATA in header:
        values, encoding = header[_DATA][1], header[_DATA][2]
    elif _DATA_V2 in header:
        values, encoding = header[_DATA_V2][1], header[_DATA_V2][4]
    else:
        values, encoding = 0, header[_DICTIONARY][2] if _DICTIONARY in header else 0
    if not all(isinstance(number, int) and number >= 0 for number in (values, unpacked, encoding)):
        raise PageError("a page declares a size that is no size")
    return Page(values, unpacked, encoding)


def _struct(raw: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """The fields of a struct by number, and where it ends."""
    if not depth:
        raise PageError("a page header is nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while raw[at]:
        kind, step = raw[at] & 0x0F, raw[at] >> 4
        at += 1
        if step:
            number += step
        else:
            number, at = _whole(raw, at)
        fields[number], at = _value(raw, at, kind, depth)
    return fields, at + 1


def _value(raw: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (_TRUE, _FALSE):
        return kind == _TRUE, at
    if kind in _WHOLE_NUMBERS:
        return _whole(raw, at)
    if kind == _STRUCT:
        return _struct(raw, at, depth - 1)
    if kind == _BINARY:
        length, at = _varint(raw, at)
        return None, _within(raw, at + length)
    if kind in (_BYTE, _DOUBLE):
        return None, _within(raw, at + (1 if kind == _BYTE else 8))
    if kind in (_LIST, _SET):
        return _skipped_list(raw, at, depth)
    raise PageError("a page header holds a field of an unknown type")


def _skipped_list(raw: bytes, at: int, depth: int) -> tuple[None, int]:
    count, kind = raw[at] >> 4, raw[at] & 0x0F
    at += 1
    if count == _LONG_LIST:
        count, at = _varint(raw, at)
    if kind in (_TRUE, _FALSE):
        return None, _within(raw, at + count)
    for _ in range(count):
        _, at = _value(raw, at, kind, depth - 1)
    return None, at


def _whole(raw: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(raw, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the last byte of a number has no continuation bit
            return value, at
        shift += 7
        if shift > 63:  # noqa: PLR2004 - bits
            raise PageError("a page header holds a number beyond 64 bits")


def _within(raw: bytes, at: int) -> int:
    if at > len(raw):
        raise PageError("a page header is damaged")
    return at
