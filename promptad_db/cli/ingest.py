"""Existing results into the database: ingest, and watching for more."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptad_db.cli.options import data_root_option, db_option, runs_option
from promptad_db.cli.output import echo_err
from promptad_db.cli.progress import log_line, progress_bar
from promptad_db.cli.stopping import stopped_by_signals
from promptad_db.cli.values import Folder
from promptad_db.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from promptad_db.ingestion.readers import ImportOptions


@click.command()
@click.argument("paths", nargs=-1, type=Folder(or_file=True))
@click.option("--experiment", help="The experiment's name.  [default: inferred from the folder names]")
@click.option("--method", help="The method's name, in place of what the files tell or their format suggests.")
@click.option("--dataset", help="The dataset, for files whose folders do not tell it.")
@click.option("--k-shot", type=click.IntRange(min=0), help="K, for files whose folders do not tell it.")
@click.option("--seed", type=int, help="The seed, for files that do not tell it.")
@click.option("--task", type=click.Choice(("cls", "seg")), help="The task of the maps given by --branch.")
@click.option(
    "--branch",
    "branches",
    multiple=True,
    metavar="NAME=DIR",
    help="A tree of TIFF or .npy anomaly maps (DIR/<category>/test/<defect>/<id>.tiff) as this branch; needs --data-root.",
)
@data_root_option("The dataset, in MVTec AD layout, for the ground truth of maps")
@click.option("--replace", is_flag=True, help="Take new content for cells that changed since they were ingested.")
@click.option("--watch", is_flag=True, help="Then go on, until Ctrl-C: take run folders and categories as they appear.")
@click.option(
    "--interval",
    type=click.FloatRange(min=1),
    metavar="SECONDS",
    help="With --watch, the pause between two looks.  [default: 10]",
)
@runs_option
@db_option
@click.pass_context
def ingest(ctx: click.Context, /, paths: tuple[Path, ...], branches: tuple[str, ...], **options: Any) -> None:
    """Import existing results into the database; PATHS are files or folders, which are walked.

    Of addresses, such as s3://bucket/runs, only run folders are taken.

    Recognised by content: run folders of promptad-db; the layout of a PromptAD fork (gate_results/*.json,
    metadata/<task>/*.json, full_results.csv); the public PromptAD code's Seed_<seed>-results.csv; AnomalyDINO's
    metrics_seed=<seed>.json and time_measurements.csv; the results.csv of anomalib's benchmark and of PatchCore; the
    tables in log.txt of AnomalyCLIP and APRIL-GAN; a long table, CSV or Parquet, with the columns dataset, category,
    k_shot, seed, task, branch, image, label, score; and, with --branch and --data-root, anomaly maps in the MVTec
    evaluation layout. CSV may be separated by comma, semicolon, tab or pipe, in UTF-8 or UTF-16, also .gz, .bz2 or .zst.

    The same files twice change nothing. A file that cannot be trusted is rejected by name with the reason, everything
    else is taken, and the exit code is 4. Of a file whose other numbers are sound, a number that cannot be meant is left
    out alone. A note says what was assumed, such as the method, and what is kept but looks wrong, such as AUROCs that are
    all far below 50 %.

    With --watch, PATHS are folders, and after this first pass each run folder that appears below them, at any depth, is
    taken, category by category as they are finished. Later files of other formats are not: a half-written CSV cannot be
    told from a whole one. Every arrival is a line on stderr. Between two looks the database is free; while it is locked
    or away, or a folder cannot be listed, the looks are repeated less and less often, up to once a minute. A look at
    10,000 run folders that have not changed takes 0.3 seconds of one core on a local disk. Ctrl-C and SIGTERM end it with
    exit code 0; whatever comes meanwhile is taken at the next start.
    """
    from promptad_db.ingestion import ingest as take
    from promptad_db.ingestion import rejected_lines
    from promptad_db.ingestion.readers import ImportOptions

    if not paths and not branches:
        raise click.UsageError("give at least one PATH, or --branch NAME=DIR")
    import_options = ImportOptions(
        branches=_named_folders(branches),
        **{name: options[name] for name in ("experiment", "method", "dataset", "k_shot", "seed", "task", "data_root")},
    )
    where = {name: options[name] for name in ("db", "runs", "replace")}
    if options["watch"]:
        _watch(paths, import_options, options["interval"], where)
        return
    if options["interval"]:
        raise click.UsageError("--interval goes with --watch")
    with progress_bar() as progress:
        outcome = take(*paths, options=import_options, progress=progress, **where)
    echo_err(f"rejected: {line}" for line in rejected_lines(outcome.rejected))
    echo_err(f"note: {line}" for line in outcome.notes)
    echo_err([outcome.summary()])
    if outcome.rejected:
        ctx.exit(ExitCode.BAD_INPUT)


def _watch(paths: tuple[Path, ...], options: ImportOptions, interval: float | None, where: dict[str, Any]) -> None:
    from promptad_db.ingestion.watch import INTERVAL, watch

    if not paths:
        raise click.UsageError("--watch needs a PATH to watch")
    os.environ.setdefault("PROMPTAD_LOCK_TIMEOUT", "10")  # a wait for the lock hears no Ctrl-C, and is tried again
    with stopped_by_signals() as stop:
        watched = watch(
            *paths, options=options, interval=interval or INTERVAL, stop=stop, say=_say_when, progress=log_line, **where
        )
    _say_when(watched.summary())


def _say_when(line: str) -> None:
    echo_err([f"{datetime.now().astimezone():%H:%M:%S}  {line}"])


def _named_folders(given: tuple[str, ...]) -> dict[str, Path]:
    folders: dict[str, Path] = {}
    for word in given:
        name, equals, folder = word.partition("=")
        if not equals or not name or not Path(folder).is_dir():
            raise UsageError(
                f"--branch {word}: not NAME=DIR with an existing folder", "for example --branch memory=out/memory"
            )
        folders[name] = Path(folder)
    return folders
