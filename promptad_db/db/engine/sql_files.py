"""The loader of the .sql files: the file name is the name, the leading comment is the documentation, and its last line declares
the parameters.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

VIEWS = ("definition", "views")

_DECLARED = "parameters: "
_BIND = re.compile(r"(?<![:\w]):([a-z_]+)")


@dataclass(frozen=True)
class SqlFile:
    """One query: its name, what one row of it means, its text, and the parameters it takes."""

    name: str
    title: str
    sql: str
    parameters: frozenset[str]


@cache
def load_sql(folder: str, name: str) -> SqlFile:
    """Load ``sql/<folder>/<name>.sql``."""
    text = (resources.files("promptad_db") / "sql" / folder / f"{name}.sql").read_text("utf-8")
    lines = text.splitlines()
    comment = []
    while lines and lines[0].startswith("--"):
        comment.append(lines.pop(0).removeprefix("--").strip())
    declared = (
        comment.pop().removeprefix(_DECLARED).split(", ") if comment and comment[-1].startswith(_DECLARED) else []
    )
    sql = "\n".join(lines).strip().removesuffix(";")
    if not comment or not sql:
        raise ValueError(f"sql/{folder}/{name}.sql: needs a leading comment and a query")
    wrong = set(declared) ^ set(_BIND.findall(sql))
    if wrong:
        raise ValueError(f"sql/{folder}/{name}.sql: {', '.join(sorted(wrong))}: declared or used, not both")
    return SqlFile(name, " ".join(comment), sql, frozenset(declared))


def names(folder: str) -> list[str]:
    """The names of the .sql files in a folder, sorted."""
    files = (resources.files("promptad_db") / "sql" / folder).iterdir()
    return sorted(file.name.removesuffix(".sql") for file in files if file.name.endswith(".sql"))


def load_views() -> list[SqlFile]:
    """All views, each after the views that it reads from: the definition of a cell, and what people ask for above it."""
    waiting = {name: _of_both_branches(load_sql(folder, name)) for folder in VIEWS for name in names(folder)}
    ordered: list[SqlFile] = []
    while waiting:
        ready = [
            view
            for name, view in waiting.items()
            if not any(re.search(rf"(FROM|JOIN) {other}\b", view.sql) for other in waiting if other != name)
        ]
        if not ready:
            raise ValueError(f"the views {', '.join(waiting)} read from each other")
        for view in ready:
            ordered.append(waiting.pop(view.name))
    return ordered


def load_comments() -> dict[str, dict[str, str]]:
    """What tables and columns mean: ``tables`` by table, ``columns`` by column, and what differs in one table by its name."""
    return tomllib.loads((resources.files("promptad_db") / "sql" / "comments.toml").read_text("utf-8"))


def _of_both_branches(view: SqlFile) -> SqlFile:
    """A view as databases keep it: of semantic and memory, where a report may set two others side by side."""
    sql = _BIND.sub(lambda bind: {"branch_a": "'semantic'", "branch_b": "'memory'"}[bind[1]], view.sql)
    return replace(view, sql=sql, parameters=frozenset())
