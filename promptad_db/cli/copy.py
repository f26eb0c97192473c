"""Runs between a local file and a shared database."""

from __future__ import annotations

import click

from promptad_db.cli.output import echo_err
from promptad_db.cli.progress import progress_bar
from promptad_db.errors import ExitCode


@click.command()
@click.argument("source")
@click.argument("target")
@click.option("--replace", is_flag=True, help="Where the target has other content for a run, take the source's.")
@click.pass_context
def copy(ctx: click.Context, source: str, target: str, *, replace: bool) -> None:
    """Copy every run of SOURCE into TARGET: each a DuckDB file, or the address of a PostgreSQL database.

    Runs that the target has already are passed over, so that an interrupted copy goes on where it was. Every table of
    every run is compared on both sides, by its number of rows and a checksum. Run folders stay where they are. A run that
    the target has with other content is rejected, and the exit code is 4.
    """
    from promptad_db.db.index.transfer import copy as copy_runs

    with progress_bar() as progress:
        outcome = copy_runs(
            source, target, replace=replace, progress=lambda done, total: progress("copying runs", done, total)
        )
    echo_err(f"rejected: {run_id}: {reason}" for run_id, reason in outcome.rejected)
    echo_err([outcome.summary()])
    if outcome.rejected:
        ctx.exit(ExitCode.BAD_INPUT)
