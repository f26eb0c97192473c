"""Values that a field must not take, made from the JSON Schema of its record: other types, and what is beyond a bound."""

from __future__ import annotations

from typing import Any

import msgspec

OF_EVERY_TYPE = {
    "null": None, "boolean": True, "integer": 5, "number": 0.5, "string": "four", "array": [1], "object": {"a": 1},
}  # fmt: skip


def fields_of(kind: Any) -> dict[str, dict[str, Any]]:
    """The JSON Schema of each field of a record."""
    whole = msgspec.json.schema(kind)
    return _resolved(whole, whole)["properties"]


def hostile_values(schema: dict[str, Any]) -> dict[str, Any]:
    """What a field with this JSON Schema must not take, by a name for the case."""
    options = schema.get("anyOf", [schema])
    taken = {option.get("type", "string" if "enum" in option else "object") for option in options}
    if "number" in taken:
        taken.add("integer")
    wrong = {f"a {kind}": value for kind, value in OF_EVERY_TYPE.items() if kind not in taken}
    for option in options:
        wrong |= _beyond(option)
    return wrong


def _beyond(option: dict[str, Any]) -> dict[str, Any]:
    if "enum" in option:
        return {"another word": "no such word", "an empty text": "", "in capitals": option["enum"][0].upper()}
    if option.get("type") in ("integer", "number"):
        whole = option["type"] == "integer"
        low, high = option["minimum"], option["maximum"]
        return {
            "too small": low - 1, "too large": high + 1, "2**63": 2**63, "2**64": 2**64, "10**300": 10**300, "10**4000": 10**4000,
            **({"a half": low + 0.5, "a whole float": float(low)} if whole else {}),
        }  # fmt: skip
    if option.get("type") == "string":
        texts = {"NUL": "a\0b", "half a character": "a\ud800", "too long": "x" * (option.get("maxLength", 1000) + 1)}
        if option.get("minLength"):
            texts["an empty text"] = ""
        return texts
    if option.get("type") == "array":
        return {
            "one that is no text": ["a", 5],
            "one with NUL": ["a", "b\0"],
            "too many": ["a"] * (option["maxItems"] + 1),
        }
    return {}


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    return whole["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
