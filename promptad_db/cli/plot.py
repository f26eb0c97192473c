"""Charts as files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptad_db.cli.options import db_option, filter_options, filters_from, listed
from promptad_db.cli.output import note, output_option, write_output
from promptad_db.plots import PLOTS

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("name", type=click.Choice(list(PLOTS)))
@output_option(required=True, help="Write to this file; its suffix says what: .svg, .pdf, .png or .html.")
@filter_options
@listed("--branches", help="The two branches to compare, or those of a curve.  [default: semantic,memory]")
@click.option("--top", type=click.IntRange(min=1), default=90, show_default=True, help="How many cells in dumbbell.")
@click.option("--title", help="A title above the chart.  [default: none]")
@click.option("--width", type=click.FloatRange(20, 2000), help="Width of the whole, in mm.  [default: what suits]")
@click.option("--height", type=click.FloatRange(10, 2000), help="Height of a panel, in mm.  [default: what suits]")
@click.option("--size", type=click.FloatRange(4, 40), default=8, show_default=True, help="Size of the text, in points.")
@click.option("--dpi", type=click.IntRange(36, 1200), default=300, show_default=True, help="Dots an inch of a PNG.")
@db_option
def plot(name: str, output: Path, db: str | None, **options: Any) -> None:
    """Draw a chart into a file.

    Curves are of one cell, which the filters must leave alone, and are made from the scores or maps of its run folder.
    An HTML file needs no network.
    """
    from promptad_db.db import database_path
    from promptad_db.page import plot as make_plot

    branches = options["branches"]
    filters = filters_from(options, None if PLOTS[name].one_cell else branches)
    sizes = {key: options[key] for key in ("top", "title", "width", "height", "size", "dpi")}
    made = make_plot(name, output.suffix.lower(), database_path(db), filters, branches=branches, **sizes)
    note(made.notes)
    write_output(output, made.content)
