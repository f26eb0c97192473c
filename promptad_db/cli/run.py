"""Running the detector: images to run folders and database."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import click

from promptad_db.cli.options import data_root_option, db_option, is_given, output_options, runs_option
from promptad_db.cli.output import echo_err, look, note, show
from promptad_db.cli.progress import progress_bar
from promptad_db.cli.run_options import backbone_options, setting_options, training_options
from promptad_db.cli.values import Folder, require_folders
from promptad_db.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from promptad_db.runner import CellScore


@click.command()
@data_root_option("The dataset, MVTec AD, or VisA in either layout", required=True)
@click.option("--dataset", required=True, help="Its name: mvtec, visa, or your own.")
@click.option("--experiment", default="default", show_default=True, help="The name under which runs are compared.")
@setting_options
@training_options
@backbone_options
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ...; auto takes a GPU.")
@click.option("--resume", is_flag=True, help="Go on with interrupted runs of the same settings at the next category.")
@click.option(
    "--from",
    "from_run",
    type=Folder(exists=True),
    help="Evaluate the saved prompts and galleries of this run folder; no training. Method, task, K, seed, variant, "
    "prompts and temperature are those of the run.",
)
@click.option("--check-data", is_flag=True, help="Only check the dataset, and print the counts of each category.")
@output_options
@runs_option
@db_option
@click.pass_context
def run(ctx: click.Context, /, *, runs: Path | None, db: str | None, **options: Any) -> None:
    """Run PromptAD on a dataset: train on K normal images, score both branches, store exact AUROCs.

    Every combination of --task, --k-shot, --seed and --variant becomes a run; each image is encoded once for all of
    them. The run folders made are printed, one a line. Ctrl-C keeps finished categories, and --resume goes on.
    """
    require_folders(options["data_root"], options["from_run"])
    if options["check_data"]:
        _check_data(ctx, options)
        return
    from promptad_db.db import db_option
    from promptad_db.runner import Callbacks, Request
    from promptad_db.runner import run as start

    if is_given(ctx, "output_format"):
        raise UsageError(
            "--format is for the table of --check-data", "leave it out: run folders are printed one a line"
        )
    request = Request.from_options({name: value for name, value in options.items() if is_given(ctx, name)})
    with progress_bar() as progress:
        outcome = start(
            request, runs=runs, db=db, callbacks=Callbacks(progress, lambda cell: echo_err([line_of(cell)]), _say)
        )
    show("".join(f"{folder}\n" for folder in outcome.folders), options["output"])
    following = ["promptad-db", "report", "--experiment", request.experiment, *db_option(db)]
    echo_err([f"{outcome.cells} cells in {len(outcome.folders)} runs; next: {shlex.join(following)}"])


def line_of(cell: CellScore) -> str:
    """One line on a finished cell."""
    percents = [f"{name} {'-' if value is None else f'{100 * value:.2f}'}" for name, value in cell.aurocs.items()]
    semantic, memory = cell.aurocs.get("semantic"), cell.aurocs.get("memory")
    gap = "" if semantic is None or memory is None else f"  gap {100 * (memory - semantic):+.2f}"
    setting = cell.setting
    which = f"{cell.dataset} {cell.category} K={setting.k_shot} seed={setting.seed} {setting.task}"
    variant = "" if setting.variant == "baseline" else f" {setting.variant}"
    return f"{which}{variant}: {'  '.join(percents)}{gap}  ({cell.seconds:.1f} s)"


def _say(text: str) -> None:
    note([text])


def _check_data(ctx: click.Context, options: dict[str, Any]) -> None:
    from promptad_db.datasets import open_dataset
    from promptad_db.datasets.check import check_dataset
    from promptad_db.records import TASKS
    from promptad_db.tables import render_rows

    dataset = open_dataset(options["dataset"], options["data_root"])
    with progress_bar() as progress:
        checked = check_dataset(dataset, options["category"], progress, masks="seg" in (options["task"] or TASKS))
    show(render_rows(checked.rows, options["output_format"], **look(options["output"])), options["output"])
    echo_err(f"problem: {problem}" for problem in checked.problems)
    if checked.problems:
        ctx.exit(ExitCode.BAD_INPUT)
