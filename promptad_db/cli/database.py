"""Making and filling the database: init, migrate, ingest, rebuild, verify."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from promptad_db.cli.options import db_option, output_options
from promptad_db.cli.output import echo_err, look, show
from promptad_db.cli.progress import progress_bar
from promptad_db.cli.values import Folder, require_folders
from promptad_db.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@db_option
def init(db: str | None) -> None:
    """Make an empty database, or bring an old one to this version's schema."""
    from promptad_db.db import database_path
    from promptad_db.db.engine.migrate import init as init_database

    path = database_path(db)
    before, after = init_database(path)
    if before == after:
        echo_err([f"{path}: schema {after}, nothing to do"])
    else:
        echo_err([f"{path}: schema {after}" + (f", was {before}" if before else ", new")])


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--no-backup", is_flag=True, help="Keep no copy of the file as it was.")
@db_option
def migrate(db: str | None, *, dry_run: bool, no_backup: bool) -> None:
    """Bring an existing database to this version's schema, and print the revisions that this takes.

    All of it is done or nothing. A DuckDB file is first copied to FILE.before-REVISION beside it; the copy is put back
    when the migration fails, and stays when it does not. A server rolls back a migration that fails; a copy is what
    pg_dump makes.
    """
    from promptad_db.db.engine.migrate import migrate as migrate_database

    migration = migrate_database(db, backup=not no_backup, dry_run=dry_run)
    show("".join(f"{step.revision}  {step.title}\n" for step in migration.steps), None)
    echo_err(migration.summary())


@click.command()
@click.argument("roots", nargs=-1, type=Folder(exists=True))
@click.option("--forget-missing", is_flag=True, help="Let go of runs whose folders are gone.")
@click.option("--forget-damaged", is_flag=True, help="Let go of categories whose files are damaged.")
@db_option
@click.pass_context
def rebuild(
    ctx: click.Context, roots: tuple[Path, ...], *, forget_missing: bool, forget_damaged: bool, db: str | None
) -> None:
    """Make the database again from the run folders below ROOTS (default: PROMPTAD_RUNS, else ./runs).

    Run folders elsewhere that the old database knows are taken too. The old database stays in place until the new one
    is whole; a damaged one is kept under another name. Every category is held against its manifest, or against what the
    old database knew of it: where files have changed, the old database stays.
    """
    from promptad_db.db import database_path
    from promptad_db.db.index.rebuild import rebuild as rebuild_database
    from promptad_db.ingestion import rejected_lines
    from promptad_db.run_folder import default_root

    path = database_path(db)
    require_folders(*roots)
    with progress_bar() as progress:
        outcome = rebuild_database(
            path,
            roots or (default_root(),),
            forget_missing=forget_missing,
            forget_damaged=forget_damaged,
            progress=lambda done, total: progress("indexing runs", done, total),
        )
    echo_err(f"rejected: {line}" for line in rejected_lines(outcome.rejected))
    if outcome.set_aside:
        echo_err([f"{path}: could not be read as a database; that file is now {outcome.set_aside}"])
    echo_err([f"{path}: {len(outcome.added)} runs"])
    if outcome.rejected:
        ctx.exit(ExitCode.BAD_INPUT)


@click.command()
@click.argument("paths", nargs=-1, type=Folder(exists=True))
@click.option(
    "--accept-changes",
    is_flag=True,
    help="Take files that you changed yourself, and those without checksums, as right, and write their checksums anew.",
)
@output_options
@db_option
@click.pass_context
def verify(
    ctx: click.Context,
    paths: tuple[Path, ...],
    *,
    accept_changes: bool,
    output_format: str,
    output: Path | None,
    db: str | None,
) -> None:
    """Hash every file of the run folders at or below PATHS (default: PROMPTAD_RUNS, else ./runs) again, and name what is
    not as it was written, with what to do about it.

    Each category carries a manifest with the SHA-256 of its files, and run.json one of what it says. Categories of older
    versions have none, and are held against what the database knows of them. Exit code 1 when something is damaged.
    """
    from promptad_db.db import database_path
    from promptad_db.db.index.verify import verify as verify_folders
    from promptad_db.run_folder import default_root
    from promptad_db.tables import render_rows

    if accept_changes and not paths:
        raise click.UsageError("--accept-changes needs the PATHS of what you changed")
    require_folders(*paths)
    database = database_path(db)
    chosen = database if db or database.exists() else None
    with progress_bar() as progress:
        found = verify_folders(
            paths or (default_root(),),
            chosen,
            accept_changes=accept_changes,
            progress=lambda done, total: progress("verifying runs", done, total),
        )
    if found.findings or output_format != "table":
        show(render_rows(found.damaged(), output_format, **look(output)), output)
    echo_err([found.summary()])
    if found.findings:
        ctx.exit(ExitCode.FINDINGS)
