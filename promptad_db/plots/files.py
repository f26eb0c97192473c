"""A chart as the content of a picture file: SVG, PDF or PNG, one unit of the chart a point (1/72 inch)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from promptad_db.errors import UsageError

if TYPE_CHECKING:
    import altair as alt

SUFFIXES = (".svg", ".pdf", ".png")
INK = "#1a1a1a"
_SIZE = re.compile(r'(<svg[^>]*?) width="([\d.]+)" height="([\d.]+)"')


def image_bytes(chart: alt.Chart, suffix: str, *, dpi: int = 300) -> bytes:
    """The chart as the content of a file of this suffix, one of SUFFIXES; ``dpi`` are the dots an inch of a PNG.

    Fonts are embedded in PDF, and drawn in PNG; SVG names them. Nothing is loaded from the network.
    """
    import vl_convert

    spec = chart.to_dict()
    if suffix == ".svg":
        return _SIZE.sub(r'\1 width="\2pt" height="\3pt"', vl_convert.vegalite_to_svg(spec), count=1).encode()
    if suffix == ".pdf":
        return vl_convert.vegalite_to_pdf(spec)
    if suffix == ".png":
        # On a transparent ground vl-convert gives what is half transparent another colour.
        return vl_convert.vegalite_to_png(spec | {"background": "white"}, ppi=dpi)
    raise UsageError(f"a chart cannot be written as {suffix or 'a file without a suffix'}", "name it x.svg, x.pdf or x.png")  # fmt: skip
