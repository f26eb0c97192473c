"""A ResultSet in, text out: the same rows as a terminal table, Markdown, CSV, JSON, LaTeX or HTML.

The names are lazy: the help of a command must not wait for what prints.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptad_db.tables.formats import grids_of, render, render_rows
    from promptad_db.tables.names import FORMATS
    from promptad_db.tables.paper import pivot_paper
    from promptad_db.tables.raw import json_object
    from promptad_db.tables.values import Best

__all__ = ["FORMATS", "Best", "grids_of", "json_object", "pivot_paper", "render", "render_rows"]

_HOMES = {
    "FORMATS": "names",
    "Best": "values",
    "grids_of": "formats",
    "json_object": "raw",
    "pivot_paper": "paper",
    "render": "formats",
    "render_rows": "formats",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f"promptad_db.tables.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'promptad_db.tables' has no attribute {name!r}")
