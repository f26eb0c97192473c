"""Whether what a file or a caller gives is of the types and within the bounds that its record declares."""

from __future__ import annotations

import re
import reprlib
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from promptad_db.errors import InputError
from promptad_db.records import RULES

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T")

_ERROR = re.compile(r"(?P<reason>.*?)(?: - at (?P<key>`key` in )?`(?P<path>\$.*)`)?", re.DOTALL)
_EXACT = 1e19
_MISSING = re.compile(r"Object missing required field `(\w+)`")
_STEP = re.compile(r"\.(\w+)|\[(\d+|\.\.\.)\]")
_KINDS = {
    "null": ("null", "", "", ""),
    "integer": ("a whole number", "minimum", "maximum", ""),
    "number": ("a number", "minimum", "maximum", ""),
    "string": ("a text", "minLength", "maxLength", " characters"),
    "array": ("a list", "minItems", "maxItems", " items"),
    "object": ("an object", "minProperties", "maxProperties", " keys"),
}
"""How a type is called, and what its bounds are called in JSON Schema and in words."""
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = 80


def conform(content: Any, kind: type[T] | Any, where: object, field: str = "") -> T:
    """``content`` as the declared type ``kind``: lists as tuples, objects as records, whole numbers as floats.

    Nothing else is converted: "4", 4.0 and true are no whole numbers. Fields that ``kind`` does not know are passed over.
    Raises InputError, which names ``where`` (a file, a category), the field below ``field``, and what is right.
    """
    try:
        converted: T = msgspec.convert(content, kind)
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {_reason(str(error), content, kind, field)}") from error
    except UnicodeEncodeError as error:  # a key, or the word of a closed set
        raise InputError(f"{where}: {field or 'it'} holds {shown(error.object)}, with half a character") from error
    return converted


def _reason(error: str, content: Any, kind: Any, field: str) -> str:
    found = _ERROR.fullmatch(error)
    assert found is not None
    steps = [name or index for name, index in _STEP.findall(found["path"] or "")]
    missing = _MISSING.fullmatch(found["reason"])
    wanted = _schema_at(kind, [*steps, missing[1]] if missing else steps)
    if not found["key"]:
        steps = _with_keys(content, kind, steps)
    named = _path([field, *steps, missing[1]] if missing else [field, *steps])
    start = f"{named}: " if named else ""
    if missing:
        return f"{start}is missing, must be {in_words(wanted)}"
    if found["key"]:
        return f"{start}each key must be {in_words({'type': 'string', **wanted.get('propertyNames', {})})}"
    return f"{start}must be {in_words(wanted)}, not {shown(_at(content, steps))}"


def _with_keys(content: Any, kind: Any, steps: list[str]) -> list[str]:
    """A path with the keys of objects in place of the dots that the decoder writes for them."""
    named: list[str] = []
    for step in steps:
        named.append(_refused_key(content, kind, named) if step == "..." else step)
    return named


def _refused_key(content: Any, kind: Any, steps: list[str]) -> str:
    """The key, of an object at a path, whose value is refused: the decoder does not tell."""
    for key, value in _at(content, steps).items():
        try:
            msgspec.convert(_with(content, steps, {key: value}), kind)
        except (msgspec.ValidationError, UnicodeEncodeError):
            return str(key)
    return "..."


def _at(content: Any, steps: list[str]) -> Any:
    for step in steps:
        content = content[int(step)] if isinstance(content, list | tuple) else content[step]
    return content


def _with(content: Any, steps: list[str], inner: Any) -> Any:
    """The content with something else at a path through objects."""
    return {**content, steps[0]: _with(content[steps[0]], steps[1:], inner)} if steps else inner


def shown(value: Any) -> str:
    """A value as a message quotes it, whatever its size."""
    try:
        return _SHOWN.repr(value)
    except ValueError:  # Python prints no whole number of more than 4300 digits
        return "a number of thousands of digits"


@cache
def _schema_of(kind: Any) -> dict[str, Any]:
    schema: dict[str, Any] = msgspec.json.schema(kind)
    return schema


def _schema_at(kind: Any, steps: list[str]) -> dict[str, Any]:
    """The JSON Schema of what stands at a path, with what it refers to put in."""
    whole = _schema_of(kind)
    found = _resolved(whole, whole)
    for step in steps:
        options = [_resolved(one, whole) for one in found.get("anyOf", [found])]
        found = _resolved(next(inner for one in options for inner in _inside(one, step)), whole)
    return {**found, "anyOf": [_resolved(one, whole) for one in found["anyOf"]]} if "anyOf" in found else found


def _inside(schema: dict[str, Any], step: str) -> Iterator[dict[str, Any]]:
    if step.isdigit() and "prefixItems" in schema:
        yield schema["prefixItems"][int(step)]
    elif step.isdigit() or step == "...":
        yield from (schema[name] for name in ("items", "additionalProperties") if schema.get(name))
    elif step in schema.get("properties", {}):
        yield schema["properties"][step]


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].removeprefix("#/$defs/")]
    return schema


def _path(steps: list[str]) -> str:
    """Fields and positions as they are written: render.height, tags[1]."""
    steps = [step for step in steps if step]
    return "".join(f"[{step}]" if step.isdigit() else f".{step}" for step in steps).removeprefix(".")


def in_words(schema: dict[str, Any]) -> str:
    """What a JSON Schema asks for, in words."""
    if "anyOf" in schema:
        return " or ".join(in_words(one) for one in schema["anyOf"])
    if "enum" in schema:
        return f"one of {', '.join(map(str, schema['enum']))}"
    if schema.get("format") == "date-time":
        return "an ISO 8601 time with its zone"
    kind, low, high, unit = _KINDS[schema["type"]]
    rule = f" ({RULES[schema['pattern']]})" if schema.get("pattern") in RULES else ""
    return kind + _range(schema, low, high, unit) + rule


def _range(schema: dict[str, Any], low: str, high: str, unit: str) -> str:
    least, most = (_number(schema[name]) if name in schema else "" for name in (low, high))
    if least and most:
        return f" of {least} to {most}{unit}" if unit else f" from {least} to {most}"
    return f" of at most {most}{unit}" if most else ""


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) < _EXACT and value == int(value) else f"{value:g}"
