"""Structs in Thrift's compact protocol, as Parquet files describe themselves in.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from typing import Any

from promptad_db.limits import MOST_COLUMNS

DEEPEST = 16

_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_WHOLE_NUMBERS = (4, 5, 6)
_LONG_LIST = 15
_MOST_BITS = 64


class ThriftError(ValueError):
    """Bytes that are no struct."""


def struct_at(raw: bytes, at: int = 0, depth: int = DEEPEST) -> tuple[dict[int, Any], int]:
    """The fields of a struct by number, and where it ends; texts are bytes, doubles None.

    Raises ThriftError for a struct that is damaged, nested too deeply, or has a field twice, of which readers may take
    either.
    """
    try:
        return _struct(raw, at, depth)
    except IndexError as error:
        raise ThriftError("it ends too early") from error


def _struct(raw: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    if not depth:
        raise ThriftError("it is nested too deeply")
    fields: dict[int, Any] = {}
    number = 0
    while raw[at]:
        kind, step = raw[at] & 0x0F, raw[at] >> 4
        at += 1
        if step:
            number += step
        else:
            number, at = _whole(raw, at)
        if number in fields:
            raise ThriftError("a field stands twice")
        if kind in (_TRUE, _FALSE):
            fields[number] = kind == _TRUE
        else:
            fields[number], at = _value(raw, at, kind, depth)
    return fields, at + 1


def _value(raw: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in _WHOLE_NUMBERS:
        return _whole(raw, at)
    if kind == _BINARY:
        length, at = _varint(raw, at)
        return raw[at : at + length], _within(raw, at + length)
    if kind == _STRUCT:
        return _struct(raw, at, depth - 1)
    if kind in (_LIST, _SET):
        return _list(raw, at, depth)
    if kind in (_TRUE, _FALSE, _BYTE):  # in lists a truth value is a byte
        return raw[at], at + 1
    if kind == _DOUBLE:
        return None, _within(raw, at + 8)
    raise ThriftError("a field has an unknown type")


def _list(raw: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    count, kind = raw[at] >> 4, raw[at] & 0x0F
    at += 1
    if count == _LONG_LIST:
        count, at = _varint(raw, at)
    if count > MOST_COLUMNS:
        raise ThriftError(f"it lists {count:,} columns or row groups, more than {MOST_COLUMNS:,}")
    _within(raw, at + count)  # a value takes a byte at least
    values = []
    for _ in range(count):
        value, at = _value(raw, at, kind, depth - 1)
        values.append(value)
    return values, at


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
        if shift >= _MOST_BITS:
            raise ThriftError("a number has more than 64 bits")


def _within(raw: bytes, at: int) -> int:
    if at > len(raw):
        raise ThriftError("it ends too early")
    return at
