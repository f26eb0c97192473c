"""Writes the JSON Schema of the JSON files of a run folder, and their tables in run-folder.md, as `make schema`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec

from promptad_db.records import Metric, ModelNames, RunInfo, SourceNames, Timings
from promptad_db.run_folder import FORMAT
from promptad_db.schema import in_words

HERE = Path(__file__).parent
PAGE = HERE.parent / "run-folder.md"
FILES = {"run.json": RunInfo, "metrics.json": list[Metric], "timings.json": Timings}
_FORMAT = {"const": FORMAT, "description": "The format of the run folder."}
_SEAL = {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "The SHA-256 of the other fields."}


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of each file."""
    made = {name: _draft(name, msgspec.json.schema(kind)) for name, kind in FILES.items()}
    run = made["run.json"]["$defs"]["RunInfo"]
    run["properties"] = {"format": _FORMAT, **run["properties"], "sha256": _SEAL}
    run["required"] = ["format", *run["required"]]
    for field, names in (("model", ModelNames), ("source", SourceNames)):
        run["properties"][field]["properties"] = _properties(names)
    made["metrics.json"]["$defs"]["Metric"]["required"].remove("value")  # a number without one is written without it
    return made


def tables() -> dict[str, str]:
    """The table of the fields of each file, in Markdown; fields of a field are written with a dot."""
    made = {}
    for name, schema in schemas().items():
        lines = ["| field | is | means |", "| --- | --- | --- |"]
        lines += [f"| {' | '.join(row)} |" for row in _rows(schema, schema)]
        made[name] = "\n".join(lines)
    return made


def page() -> str:
    """run-folder.md with the tables as they are now."""
    text = PAGE.read_text("utf-8")
    for name, table in tables().items():
        mark = re.compile(rf"(<!-- fields of {re.escape(name)} -->\n).*?(\n<!-- end -->)", re.DOTALL)
        text = mark.sub(lambda found, table=table: found[1] + table + found[2], text)
    return text


def contents() -> dict[Path, str]:
    """What every file is to hold."""
    made = {
        HERE / name.replace(".json", ".schema.json"): json.dumps(schema, indent=2) + "\n"
        for name, schema in schemas().items()
    }
    return {**made, PAGE: page()}


def _draft(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name, **schema}


def _properties(kind: Any) -> dict[str, Any]:
    properties: dict[str, Any] = msgspec.json.schema(kind)["$defs"][kind.__name__]["properties"]
    return properties


def _rows(schema: dict[str, Any], whole: dict[str, Any], start: str = "") -> list[tuple[str, str, str]]:
    rows = []
    found = _resolved(schema, whole)
    for name, field in found.get("properties", {}).items():
        inner = _resolved(field, whole)
        options = [_resolved(one, whole) for one in inner.get("anyOf", [inner])]
        stands = f"`{start}{name}`" + ("" if start or name in found.get("required", ()) else " (optional)")
        kind = f"{field['const']}" if "const" in field else _in_words(options, whole)
        rows.append((stands, kind, field.get("description", "")))
        for option in options:
            rows += _rows(option, whole, f"{start}{name}.")
            if "$ref" in str(option.get("additionalProperties")):
                rows += _rows(_resolved(option["additionalProperties"], whole), whole, f"{start}{name}.*.")
    return rows


def _in_words(options: list[dict[str, Any]], whole: dict[str, Any]) -> str:
    words = " or ".join(map(in_words, options))
    for key in ("items", "additionalProperties"):
        for option in options:
            if isinstance(option.get(key), dict):
                words += f", each {in_words(_resolved(option[key], whole))}"
    return words


def _resolved(schema: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    if "items" in schema and "$ref" in schema["items"]:
        return _resolved(schema["items"], whole)
    return whole["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


if __name__ == "__main__":
    for path, content in contents().items():
        path.write_text(content, "utf-8")
