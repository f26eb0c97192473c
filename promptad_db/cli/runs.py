"""Looking after runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptad_db.cli.options import db_option, filters_from, listed, output_options, run_filters
from promptad_db.cli.output import echo_err, look, note, show
from promptad_db.cli.progress import progress_bar
from promptad_db.cli.values import Folder
from promptad_db.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@click.group()
def runs() -> None:
    """List, show, tag, annotate, copy and delete runs. RUN is an id, or its unambiguous beginning or end."""


@runs.command("list")
@listed("--experiment", help="Only these experiments.")
@listed("--task", help="Only these tasks.")
@listed("--dataset", help="Only these datasets.")
@click.option("--tag", help="Only runs with this tag.")
@output_options
@db_option
def list_(
    experiment: tuple[str, ...] | None,
    task: tuple[str, ...] | None,
    dataset: tuple[str, ...] | None,
    tag: str | None,
    output_format: str,
    output: Path | None,
    db: str | None,
) -> None:
    """List the runs, the newest first."""
    from promptad_db.db import database_path
    from promptad_db.db.queries.runs import list_runs
    from promptad_db.tables import render_rows

    found = list_runs(database_path(db), experiments=experiment, tasks=task, datasets=dataset, tag=tag)
    show(render_rows(found, output_format, **look(output)), output)


@runs.command("show")
@click.argument("run")
@output_options
@db_option
def show_(run: str, output_format: str, output: Path | None, db: str | None) -> None:
    """Show one run: what was run, where its folder is, and every number with its provenance."""
    from promptad_db.db import database_path
    from promptad_db.db.queries.runs import show_run
    from promptad_db.tables import render

    show(render(show_run(database_path(db), run), output_format, **look(output)), output)


@runs.command()
@click.argument("run")
@click.argument("tags", nargs=-1)
@click.option("--remove", multiple=True, metavar="TAG", help="Take this tag away.")
@db_option
def tag(run: str, tags: tuple[str, ...], remove: tuple[str, ...], db: str | None) -> None:
    """Add TAGS to a run, or take them away; prints the tags that it has then."""
    from promptad_db.db import database_path
    from promptad_db.db.index.manage import tag_run

    kept = tag_run(database_path(db), run, add=tags, remove=remove)
    show("".join(f"{name}\n" for name in kept), None)


@runs.command("note")
@click.argument("run")
@click.argument("text")
@db_option
def note_(run: str, text: str, db: str | None) -> None:
    """Set the note of a run to TEXT; an empty TEXT takes it away."""
    from promptad_db.db import database_path
    from promptad_db.db.index.manage import note_run

    note_run(database_path(db), run, text)


@runs.command()
@click.option("--to", "root", type=Folder(), required=True, help="The folder or address below which the copies go.")
@run_filters
@db_option
@click.pass_context
def copy(ctx: click.Context, /, root: Path, db: str | None, **options: Any) -> None:
    """Copy run folders to another place, such as s3://bucket/runs; the database tells of the copies then.

    The old folders stay. What was copied before is not copied again, so the same command goes on when it was interrupted.
    """
    from promptad_db.db import database_path
    from promptad_db.db.index.manage import copy_runs
    from promptad_db.ingestion import rejected_lines

    with progress_bar() as progress:
        copies, rejected, notes = copy_runs(
            database_path(db), filters_from(options), root, lambda done, total: progress("copying runs", done, total)
        )
    note(notes)
    echo_err(f"rejected: {line}" for line in rejected_lines(rejected))
    echo_err([f"{root}: {len(copies)} runs"])
    if rejected:
        ctx.exit(ExitCode.BAD_INPUT)


@runs.command()
@click.argument("names", nargs=-1, required=True, metavar="RUN...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@db_option
def delete(names: tuple[str, ...], *, yes: bool, db: str | None) -> None:
    """Take runs out of the database and move their folders to the trash (.trash beside them)."""
    from promptad_db.db import database_path
    from promptad_db.db.index.manage import delete_run

    if not yes:
        click.confirm(f"Move {len(names)} run(s) to the trash: {', '.join(names)}?", abort=True, err=True)
    for name in names:
        place = delete_run(database_path(db), name)
        echo_err([f"{name}: its folder is now {place}" if place else f"{name}: its folder was gone already"])
