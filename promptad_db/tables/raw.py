"""The formats for programs: JSON and CSV with the values as they are stored."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING, Any

from promptad_db.tables.values import distinct, raw, visible

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from promptad_db.result_set import ResultSet, Section


def json_sections(sections: Sequence[Section], notes: Sequence[str] = ()) -> str:
    """One object: section name -> list of row objects; where there are ``notes``, they are the rows of ``notes``."""
    contents = [(section.name, _objects(section.result)) for section in sections]
    if notes:
        contents.append(("notes", _note_objects(notes)))
    names = distinct([name for name, _ in contents])
    return _json({name: rows for name, (_, rows) in zip(names, contents, strict=True)})


def _note_objects(notes: Sequence[str]) -> list[dict[str, str]]:
    """Notes as row objects."""
    return [{"note": text} for text in notes]


def json_rows(result: ResultSet) -> str:
    """A list of row objects."""
    return _json(_objects(result))


def json_object(content: Mapping[str, Any], notes: Sequence[str] = ()) -> str:
    """One object, its values raw; ``notes`` as in ``json_sections``."""
    return _json(raw({**content, "notes": _note_objects(notes)} if notes else content))


def csv_sections(sections: Sequence[Section]) -> str:
    r"""RFC 4180 with ``\n`` line ends; several sections stand under ``# name`` lines, an empty line between them."""
    if len(sections) == 1:
        return _csv(sections[0].result)
    return "\n".join(f"# {visible(section.name)}\n{_csv(section.result)}" for section in sections)


def _objects(result: ResultSet) -> list[dict[str, Any]]:
    columns = distinct(result.columns)
    return [{name: raw(value) for name, value in zip(columns, row, strict=True)} for row in result.rows]


def _json(content: Any) -> str:
    lines = json.dumps(content, ensure_ascii=False, indent=2, allow_nan=False).split("\n")
    return "\n".join(line if line.isprintable() else _escaped(line) for line in lines) + "\n"


def _escaped(line: str) -> str:
    # What a terminal would obey and UTF-8 cannot write is inside strings, where \uXXXX means the same.
    return "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in line)


def _csv(result: ResultSet) -> str:
    lines = _Lines()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(result.columns)
    writer.writerows([_field(value) for value in row] for row in result.rows)
    return "".join(lines)


class _Lines(list[str]):
    r"""Lines with ``\n`` at their ends. Python before 3.13 quotes a field with ``\r`` only where that ends lines too."""

    def write(self, line: str) -> None:
        self.append(line.removesuffix("\r\n") + "\n")


def _field(value: Any) -> str:
    if isinstance(value, float):
        return repr(float(value) + 0.0)
    content = raw(value)
    if content is None:
        return ""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
