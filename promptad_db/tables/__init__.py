"""A ResultSet in, text out: the same rows as a terminal table, Markdown, CSV, JSON, LaTeX or HTML."""

from promptad_db.tables.formats import FORMATS, grids_of, render, render_rows
from promptad_db.tables.paper import pivot_paper
from promptad_db.tables.raw import json_object
from promptad_db.tables.values import Best

__all__ = ["FORMATS", "Best", "grids_of", "json_object", "pivot_paper", "render", "render_rows"]
