"""Asking what is wrong: check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptad_db.cli.options import db_option, filters_from, listed, output_options, run_filters
from promptad_db.cli.output import look, note, show
from promptad_db.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


def _checks() -> list[str]:
    from promptad_db.db.engine.sql_files import names

    return names("checks")


@click.command()
@run_filters
@listed("--only", help="Only these checks: {known}.  [default: all]", known=_checks)
@click.option(
    "--severity",
    type=click.Choice(("error", "warning", "info")),
    default="info",
    show_default=True,
    help="The least severity that is shown.",
)
@click.option(
    "--top", type=click.IntRange(min=1), default=10, show_default=True, help="How many findings of a check to print."
)
@output_options
@db_option
def check(db: str | None, output_format: str, output: Path | None, **options: Any) -> ExitCode:
    """Look for what makes numbers wrong or not comparable, with what to do about it.

    Support images in the test set, epochs chosen on the test set, scores that say nothing or have their sign turned,
    numbers in the wrong unit, names that differ in case alone, runs that disagree or are alike, cells and images that
    are missing, rows that belong to nothing. Exit code 1 when a finding is an error. json and csv hold every
    finding, the other formats the first of each check.
    """
    from promptad_db.db.queries.check import check as make_check
    from promptad_db.tables import json_object, render, render_rows

    made = make_check(db, filters_from(options), only=options["only"] or (), severity=options["severity"])
    note(made.notes)
    if output_format == "json":
        show(json_object(made.content(), made.notes), output)
    elif output_format == "csv":
        show(render_rows(made.findings, "csv"), output)
    else:
        show(render(made.sections(options["top"]), output_format, notes=made.notes, **look(output)), output)
    return ExitCode.FINDINGS if made.errors else ExitCode.DONE
