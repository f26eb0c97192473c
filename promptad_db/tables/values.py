"""Single values: raw for machines, safe to show for people."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class Best(str):
    """Text that is printed bold: the best of its column."""

    __slots__ = ()


def raw(value: Any) -> Any:
    """What JSON can hold of a value: NaN and infinities are None, bytes are hexadecimal, a Decimal is a float, -0.0 is 0.0."""
    value = plain(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float | Decimal):
        return float(value) + 0.0 if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): raw(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [raw(item) for item in value]
    return _text(value)


def plain(value: Any) -> Any:
    """A numpy scalar as the Python value it holds, anything else as it is."""
    return value.item() if hasattr(value, "item") else value


def _text(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return value.hex()
    return value.isoformat() if isinstance(value, date | time) else str(value)


def visible(text: str) -> str:
    r"""The text with every character that would not show itself (controls, escapes, text direction) written as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def one_line(text: str) -> str:
    """As ``visible``, with line ends turned into spaces: for formats that flow text themselves."""
    return visible(" ".join(text.splitlines()))


def distinct(names: Sequence[str]) -> list[str]:
    """The names, a repeated one as ``name_1``, ``name_2``, so that keys of an object never swallow each other."""
    kept: list[str] = []
    taken = set(names)
    for name in names:
        new, number = name, 0
        while new in kept or (number and new in taken):
            number += 1
            new = f"{name}_{number}"
        kept.append(new)
    return kept
