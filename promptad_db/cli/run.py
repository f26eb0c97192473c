"""Running the detector: images to run folders and database."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptad_db.cli.options import db_option, listed, look, note, output_options, runs_option, show, talk, with_options
from promptad_db.cli.progress import progress_bar
from promptad_db.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptad_db.runner import Cell, Request

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


def backbone_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which CLIP, where, and how it is read."""
    options = (
        click.option("--model", default="ViT-B-16-plus-240", show_default=True, help="An open_clip ViT, or tiny."),
        click.option(
            "--pretrained",
            default="laion400m_e32",
            show_default=True,
            help="Its weights: an open_clip tag, a checkpoint file, or random (untrained; for tests and timing).",
        ),
        click.option("--device", default="auto", show_default=True, help="cpu, cuda, cuda:1, ...; auto takes a GPU."),
        click.option(
            "--precision", type=click.Choice(("fp32", "fp16", "bf16")), help="[default: fp32 on a CPU, fp16 on a GPU]"
        ),
        listed("--memory-layers", kind=int, help="The two blocks, from 0, of the memory branch.  [default: 2,7 of 12]"),
        click.option(
            "--memory-tap",
            type=click.Choice(("public", "block_output")),
            default="public",
            show_default=True,
            help="Where they are read: as the public code really does, or at the output of the block.",
        ),
        click.option("--temperature", type=click.FloatRange(min=0, min_open=True), help="[default: the weights' own]"),
        click.option("--batch-size", type=click.IntRange(min=1), default=16, show_default=True, help="Images at once."),
        click.option(
            "--feature-cache", type=click.Path(file_okay=False, path_type=Path), help="Keep image features here."
        ),
    )
    return with_options(command, options)


def training_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What is trained, for how long, and on what."""
    options = (
        click.option("--epochs", type=click.IntRange(min=1), default=100, show_default=True, help="Training steps."),
        click.option(
            "--selection",
            type=click.Choice(("last_epoch", "best_on_test")),
            default="last_epoch",
            show_default=True,
            help="Which epoch counts; best_on_test looks at the test labels, as the public code does, and is marked.",
        ),
        click.option(
            "--image-score",
            type=click.Choice(("grid_max", "rendered_max")),
            default="grid_max",
            show_default=True,
            help="The memory score of an image: the maximum of its map, or of the upsampled map as in the public code.",
        ),
        click.option(
            "--resolution",
            type=click.IntRange(1, 4096),
            default=400,
            show_default=True,
            help="Pixels that maps are scored at.",
        ),
        click.option(
            "--shots-file",
            type=click.Path(exists=True, path_type=Path),
            help="The shots: JSON, or a folder of selected_samples_per_run.txt.  [default: drawn by seed]",
        ),
        click.option(
            "--prompts", type=_FILE, help="Words for categories of your own, attributes and local groups, TOML."
        ),
    )
    return with_options(command, options)


@click.command()
@click.option("--data-root", type=_FOLDER, required=True, help="The data set: MVTec AD, or VisA in either layout.")
@click.option("--dataset", required=True, help="Its name: mvtec, visa, or your own.")
@listed("--category", help="Only these categories.")
@listed("--task", help="cls (image-level), seg (pixel-level).  [default: both]")
@listed("--k-shot", kind=int, help="Numbers of shots.  [default: 1]")
@listed("--seed", kind=int, help="Seeds of the shots and the prompts.  [default: 111]")
@listed(
    "--variant",
    help="baseline, spatial_prompts (local prompts that each patch mixes), vision_guided (prompts that describe what the "
    "shots look like), memory_only (no text at all).  [default: baseline]",
)
@click.option("--experiment", default="default", show_default=True, help="The name under which runs are compared.")
@click.option("--method", default="PromptAD", show_default=True, help="The method's name in reports.")
@training_options
@backbone_options
@click.option("--resume", is_flag=True, help="Go on with interrupted runs of the same settings at the next category.")
@click.option(
    "--from", "from_run", type=_FOLDER, help="Evaluate the saved prompts and galleries of this run folder; no training."
)
@click.option("--check-data", is_flag=True, help="Only check the data set, and print the counts of each category.")
@output_options
@runs_option
@db_option
@click.pass_context
def run(ctx: click.Context, /, *, runs: str | None, db: str | None, **options: Any) -> None:
    """Run PromptAD on a data set: train on K normal images, score both branches, store exact AUROCs.

    Every combination of --task, --k-shot, --seed and --variant becomes a run; each image is encoded once for all of
    them. The run folders made are printed, one a line. Ctrl-C keeps finished categories, and --resume goes on.
    """
    if options["check_data"]:
        _check_data(ctx, options)
        return
    request = _request(options)
    from promptad_db.runner import Listener
    from promptad_db.runner import run as start

    with progress_bar() as progress:
        outcome = start(
            request, runs=runs, db=db, listener=Listener(progress, lambda cell: talk([line_of(cell)]), _say)
        )
    show("".join(f"{folder}\n" for folder in outcome.folders), options["output"])
    following = ["promptad-db", "report", "--experiment", request.experiment, *(["--db", db] if db else [])]
    talk([f"{outcome.cells} cells in {len(outcome.folders)} runs; next: {shlex.join(following)}"])


def line_of(cell: Cell) -> str:
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


def _request(options: dict[str, Any]) -> Request:
    from promptad_db.records import Render
    from promptad_db.runner import Backbone, Request, Training

    layers = options["memory_layers"]
    if layers is not None and len(layers) != 2:  # noqa: PLR2004 - as it says
        raise UsageError("--memory-layers takes two numbers", "for example --memory-layers 2,7")
    several = ("task", "k_shot", "seed", "variant")
    given = {f"{name}s": options[name] for name in several if options[name] is not None}
    if options["from_run"] is not None and given:
        raise UsageError(f"--from takes {', '.join(given)} from its run", "leave them out")
    return Request(
        categories=options["category"],
        backbone=Backbone(
            options["model"],
            options["pretrained"],
            options["device"],
            options["precision"],
            layers,
            options["memory_tap"],
            options["temperature"],
        ),
        training=Training(epochs=options["epochs"]),
        render=Render(options["resolution"], options["resolution"]),
        **given,
        **{
            name: options[name]
            for name in (
                "dataset", "data_root", "experiment", "method", "selection", "image_score", "shots_file", "prompts",
                "from_run", "feature_cache", "batch_size", "resume",
            )
        },
    )  # fmt: skip


def _check_data(ctx: click.Context, options: dict[str, Any]) -> None:
    from promptad_db.datasets import open_dataset
    from promptad_db.datasets.check import check_dataset
    from promptad_db.report import render_rows

    dataset = open_dataset(options["dataset"], options["data_root"])
    with progress_bar() as progress:
        checked = check_dataset(dataset, options["category"], progress)
    show(render_rows(checked.rows, options["output_format"], **look(options["output"])), options["output"])
    talk(f"problem: {problem}" for problem in checked.problems)
    if checked.problems:
        ctx.exit(ExitCode.BAD_INPUT)
