"""The whole way on synthetic images with a tiny model."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from promptad_db.cli.options import db_option, listed, runs_option
from promptad_db.cli.output import echo_err, look, note, show
from promptad_db.cli.progress import progress_bar
from promptad_db.cli.run import line_of

_FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("folder", type=_FOLDER, default=Path("promptad-demo"))
@click.option("--export-data", type=_FOLDER, metavar="DIR", help="Only write the synthetic dataset to DIR.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the synthetic images.")
@listed("--category", help="Only these categories.")
@runs_option
@db_option
def demo(
    folder: Path,
    export_data: Path | None,
    seed: int,
    category: tuple[str, ...] | None,
    runs: Path | None,
    db: str | None,
) -> None:
    """Show the whole way without any download: images, detector, runs, database, report, audit.

    Everything goes into FOLDER, by default promptad-demo. The images are drawn by programme and the model is tiny,
    trained on such images: its numbers mean nothing beyond them. An interrupted demo goes on where it was.
    """
    from promptad_db import demo as library

    if export_data is not None:
        library.export_data(export_data, seed=seed)
        echo_err([f"{export_data}: the synthetic dataset, in the layout of MVTec AD"])
        return
    from promptad_db.db import db_option
    from promptad_db.db.queries.audit import audit
    from promptad_db.db.queries.reports import report
    from promptad_db.db.queries.selection import Filters
    from promptad_db.runner import Callbacks
    from promptad_db.tables import render

    place = library.DemoPaths.below(folder, runs, db)
    with progress_bar() as progress:
        callbacks = Callbacks(progress, lambda cell: echo_err([line_of(cell)]), lambda text: note([text]))
        library.demo(place, seed=seed, categories=category, callbacks=callbacks)
    filters = Filters(experiments=(library.EXPERIMENT,))
    made = report(place.database, filters, sections=library.SECTIONS)
    audited = audit(place.database, filters)
    note([*made.notes, *audited.notes])
    show(render([*made.sections, *audited.sections(5)], "table", **look(None)), None)
    database = shlex.join(db_option(place.database))
    echo_err([f"next: promptad-db report {database}, promptad-db sql {database} 'SELECT ...'"])
