"""Tables as HTML, from templates: one small page that needs nothing else, and a table as part of another page."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from promptad_db.tables.values import one_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    import jinja2

    from promptad_db.tables.grid import Grid


def html_page(grids: Sequence[Grid], notes: Sequence[str] = ()) -> str:
    """The sections as tables of one HTML5 document, the notes below them."""
    names = ", ".join(grid.name for grid in grids if grid.name)
    title = f"promptad-db: {names}" if names else "promptad-db"
    page = templates().get_template("tables.html.j2")
    return page.render(title=title, grids=grids, notes=notes) + "\n"


@cache
def templates(*packages: str) -> jinja2.Environment:
    """The templates of some packages, and ``table.html.j2``, which takes a ``grid``; every value is escaped."""
    import jinja2

    loader = jinja2.ChoiceLoader([jinja2.PackageLoader(name) for name in (*packages, "promptad_db.tables")])
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["line"] = one_line
    return environment
