"""Asking the database for the known questions: report, audit, compare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptad_db.cli.options import (
    ci_option,
    data_root_option,
    db_option,
    filter_options,
    filters_from,
    listed,
    output_options,
)
from promptad_db.cli.output import look, note, show
from promptad_db.cli.values import require_folders
from promptad_db.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def _sections() -> tuple[str, ...]:
    from promptad_db.db.queries.sections import SECTIONS

    return SECTIONS


@click.command()
@filter_options
@listed(
    "--section",
    help="Only these sections: {known}.  [default: those that have something to say]",
    known=_sections,
)
@listed("--branches", help="Compare these two branches instead of semantic,memory.")
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, help="How many cells in worst and repairs."
)
@click.option(
    "--min-gap",
    type=click.FloatRange(0, 100),
    help="The smallest gap, in points: in worst, and of the weak cells that may be repaired.  [default: 0, and 5]",
)
@click.option(
    "--gallery",
    type=click.IntRange(min=0),
    default=6,
    show_default=True,
    help="With --format html: for how many of the worst cells to show images and maps, where runs kept maps.",
)
@data_root_option("Where the images of the gallery are", default="where the runs found them")
@ci_option
@output_options
@db_option
def report(
    db: str | None, output_format: str, output: Path | None, gallery: int, data_root: Path | None, **options: Any
) -> None:
    """Which branch is weak, where, by how much, and would another fusion be better.

    AUROCs are in percent and gaps in points (memory - semantic); json and csv hold raw values, 0..1. Of a cell that
    several variants ran baseline counts, else the latest run; the sections variants and repairs set all of them against
    baseline. html is one file that works offline, with charts, images and tables.
    """
    from promptad_db.db import database_path
    from promptad_db.db.queries.reports import report as make_report
    from promptad_db.tables import render

    filters = filters_from(options, options["branches"])
    asked = {
        "sections": options["section"] or (),
        "top": options["top"],
        "min_gap": None if options["min_gap"] is None else options["min_gap"] / 100,
        "ci": options["ci"],
    }
    if output_format == "html":
        from promptad_db.page import report_page

        require_folders(data_root if gallery else None)
        page = report_page(database_path(db), filters, **asked, gallery=gallery, data_root=data_root)
        note(page.notes)
        show(page.text, output)
    else:
        made = make_report(database_path(db), filters, **asked)
        note(made.notes)
        show(render(made.sections, output_format, notes=made.notes, **look(output)), output)


@click.command()
@filter_options
@click.option(
    "--estimate",
    type=click.Choice(("auto", "stored", "computed")),
    default="auto",
    show_default=True,
    help="Imported estimates (stored), those from the runs' own score means (computed), or stored where there are any.",
)
@click.option("--top", type=click.IntRange(min=1), default=10, show_default=True, help="How many cells to print.")
@ci_option
@output_options
@db_option
def audit(db: str | None, output_format: str, output: Path | None, **options: Any) -> None:
    """What guessing AUROCs from score means does: the old estimate beside the truth.

    The estimate is max AUROC x branch mean / larger branch mean. Shown are its errors, the conclusions that it turns
    around, and the cells with the largest errors; json and csv hold every cell.
    """
    from promptad_db.db import database_path
    from promptad_db.db.queries.audit import audit as make_audit
    from promptad_db.tables import json_object, render

    made = make_audit(database_path(db), filters_from(options), estimate=options["estimate"], ci=options["ci"])
    note(made.notes)
    if output_format == "json":
        show(json_object(made.content(), made.notes), output)
    else:
        top = None if output_format == "csv" else options["top"]
        show(render(made.sections(top), output_format, notes=made.notes, **look(output)), output)


@click.command()
@click.argument("a", required=False)
@click.argument("b", required=False)
@click.option(
    "--by",
    type=click.Choice(("auto", "run", "experiment", "method", "variant", "branch")),
    default="auto",
    show_default=True,
    help="What A and B are.",
)
@listed("--variants", help="Instead of A and B: these variants, each against the first; one alone against baseline.")
@click.option("--branch", help="Only this branch; by default every branch that both have.")
@click.option(
    "--min-gap",
    type=click.FloatRange(0, 100),
    default=5.0,
    show_default=True,
    help="With --variants: from how many points on a semantic branch is weak, and may be repaired.",
)
@filter_options
@ci_option
@output_options
@db_option
def compare(
    a: str | None, b: str | None, db: str | None, output_format: str, output: Path | None, **options: Any
) -> None:
    """Compare two runs, experiments, methods, variants or branches (fusions) over the cells that both have.

    Wins are cells where B is higher, delta is B - A in points, and its p value is over the sampling of test images, where
    both have scores of them. With --variants wins and delta are those of each variant
    against the first one; a cell is repaired when its semantic branch was weak there and the variant closes more than
    half of the gap to the memory branch.
    """
    from promptad_db.db import database_path
    from promptad_db.db.queries.compare import compare as make_comparison
    from promptad_db.db.queries.compare import compare_variants
    from promptad_db.tables import render

    path, filters = database_path(db), filters_from(options)
    if options["variants"] and a is None:
        made = compare_variants(
            path,
            options["variants"],
            filters,
            min_gap=options["min_gap"] / 100,
            branch=options["branch"],
            ci=options["ci"],
        )
    elif a is not None and b is not None and not options["variants"]:
        made = make_comparison(a, b, path, filters, kind=options["by"], branch=options["branch"], ci=options["ci"])
    else:
        raise UsageError("compare takes two names, or --variants", "promptad-db compare A B")
    note(made.notes)
    show(render(made.sections, output_format, notes=made.notes, **look(output)), output)
