"""A ResultSet in, a Vega-Altair chart out: one chart a file, no SQL, no torch, no database.

Importing this package loads no Altair; the first `draw` does.
"""

from promptad_db.plots.files import INK, SUFFIXES, image_bytes
from promptad_db.plots.registry import PLOTS, Plot, alt_text, draw
from promptad_db.plots.script import chart_script

__all__ = ["INK", "PLOTS", "SUFFIXES", "Plot", "alt_text", "chart_script", "draw", "image_bytes"]
