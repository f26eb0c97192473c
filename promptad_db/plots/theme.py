"""How every chart looks: one set of colours, one font, thin axes, and text in a colour that the place decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FONT = "'Helvetica Neue', Helvetica, Arial, 'Liberation Sans', system-ui, sans-serif"
GREY = "#8a8a8a"

# Okabe and Ito's colours (Color Universal Design, 2008), the light ones darkened to 3:1 against white and black.
COLOURS = {
    "semantic": "#c87800",
    "memory": "#0077bb",
    "max": "#009e73",
    "harmonic": "#c0609b",
    "mean": "#3d9bd1",
    "gate": "#d55e00",
    "gate_hard": "#a3531f",
    "oracle": "#7f7f7f",
}
_OTHERS = ("#6a51a3", "#8c6d1f", "#1b7837", "#a6294b", "#3b6f8f", "#7a5c3e")
_SHAPES = ("circle", "square", "diamond", "triangle-up", "cross", "triangle-down")

# The end of the first branch, the middle, the end of the second: orange to blue is told apart by every kind of eye.
DIVERGING = ("#b35806", "#f1a340", "#f7f7f7", "#67a9cf", "#2166ac")


@dataclass(frozen=True)
class Look:
    """The sizes of a chart: ``width`` of the whole and ``height`` of a panel in pixels (None: what suits the data), and
    the ``size`` of its text.
    """

    width: int | None = None
    height: int | None = None
    size: float = 12

    def panel(self, count: int, *, beside: float = 0, suits: float = 320) -> float:
        """The width of one of ``count`` panels in a row when ``beside`` pixels are taken by labels in all."""
        gaps = (count - 1) * 2 * self.size
        return suits if self.width is None else max(6 * self.size, (self.width - beside - gaps) / count)

    def text_width(self, texts: Iterable[str]) -> float:
        """About how wide the longest of some labels is."""
        return min(max(map(len, texts), default=0) * 0.5, 26) * self.size


def branch_scales(branches: Sequence[str], labels: Sequence[str]) -> tuple[alt.Scale, alt.Scale]:
    """The colours and the shapes of some branches, the same in every chart, for the ``labels`` that are shown of them."""
    spare = [name for name in branches if name not in COLOURS]
    colours = [COLOURS.get(name) or _OTHERS[spare.index(name) % len(_OTHERS)] for name in branches]
    shapes = [_SHAPES[index % len(_SHAPES)] for index in range(len(branches))]
    return alt.Scale(domain=list(labels), range=colours), alt.Scale(domain=list(labels), range=shapes)


def rows_of(records: Iterable[dict[str, Any]]) -> alt.InlineData:
    """Records as the data of a chart."""
    return alt.InlineData(values=list(records))


def themed(chart: Any, title: str | None, ink: str, size: float, footnotes: Sequence[str] = ()) -> Any:
    """The chart with the look of all charts, text and axes in ``ink``; footnotes stand below the title, else the chart."""
    chart = _titled(chart, title, ink, size, list(footnotes))
    text = {"labelFont": FONT, "titleFont": FONT, "labelFontSize": size * 0.92, "titleFontSize": size}
    inked = {**text, "labelColor": ink, "titleColor": ink}
    return (
        chart.configure(font=FONT, background="transparent", padding=size / 2)
        .configure_view(stroke=None)
        .configure_axis(
            **inked,
            titleFontWeight="normal",
            grid=True,
            gridColor=GREY,
            gridOpacity=0.25,
            domainColor=GREY,
            tickColor=GREY,
            labelLimit=26 * size,
            titlePadding=size * 0.6,
        )
        .configure_legend(
            **inked,
            titleFontWeight="normal",
            titleOrient="left",
            orient="top",
            symbolSize=size * 7,
            symbolStrokeWidth=1,
            labelLimit=30 * size,
            offset=size / 2,
        )
        .configure_header(**inked, labelFontWeight="bold", titleFontWeight="normal")
        .configure_title(
            font=FONT,
            fontSize=size * 1.15,
            color=ink,
            anchor="start",
            frame="group",
            fontWeight="bold",
            offset=size * 0.6,
        )
        .configure_concat(spacing=size * 1.5)
    )


def _titled(chart: Any, title: str | None, ink: str, size: float, footnotes: list[str]) -> Any:
    small = 0.9 * size
    if title and footnotes:
        return chart.properties(title=alt.Title(title, subtitle=footnotes, subtitleFontSize=small, subtitleColor=ink))
    if footnotes:
        return chart.properties(title=alt.Title(footnotes, orient="bottom", fontSize=small, fontWeight="normal"))
    return chart.properties(title=title) if title else chart
