"""The JavaScript that draws charts in a browser: Vega, Vega-Lite and vega-embed in one text, from vl-convert."""

from __future__ import annotations

from functools import cache


@cache
def chart_script() -> str:
    """One script that sets ``window.vegaEmbed``, without any address to load from; it may stand in a script element.

    0.9 MB. vl-convert bundles it once a process, in a second or two.
    """
    import vl_convert

    return (
        vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")
        .replace("</script", r"<\/script")
        .replace("<!--", r"<\!--")
    )
