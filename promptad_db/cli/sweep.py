"""Many runs at once: a grid of settings over several datasets, on several processes or machines."""

from __future__ import annotations

import difflib
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptad_db.cli.options import db_option, is_given, listed, output_options, runs_option, with_options
from promptad_db.cli.output import echo_err, look, note, show
from promptad_db.cli.progress import progress_bar
from promptad_db.cli.run import line_of
from promptad_db.cli.run_options import backbone_options, setting_options, training_options
from promptad_db.errors import ExitCode, InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from promptad_db.sweeps import Grid
    from promptad_db.sweeps.work import Executor

_OUT_OF_FILE = ("grid", "dry_run", "output_format", "output")


class _RunsByDefault(click.Group):
    """A group whose command ``run`` need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_RunsByDefault)
def sweep() -> None:
    r"""Many runs at once, on several processes, GPUs or machines.

    \b
    promptad-db sweep --dataset mvtec,visa ...   run (the word itself may be left out)
    promptad-db sweep status                     how far a sweep is
    """


def _read_grid(ctx: click.Context, parameter: click.Parameter, path: Path | None) -> None:
    """The values of a file become defaults of the options, which check them."""
    if path is None:
        return
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid TOML ({error})") from error
    known = {one.name: one for one in ctx.command.params if one.name and one.name not in _OUT_OF_FILE}
    defaults: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name not in known:
            near = difflib.get_close_matches(name, known, 1) or sorted(known)
            raise click.BadParameter(
                f"{path}: unknown key {key!r}; {'the nearest is' if len(near) == 1 else 'there are'} "
                f"{', '.join(one.replace('_', '-') for one in near)}", ctx, parameter,
            )  # fmt: skip
        typed = _as_typed(value)
        several = isinstance(known[name], click.Option) and known[name].multiple
        defaults[name] = typed if several else ",".join(typed)
    ctx.default_map = {**(ctx.default_map or {}), **defaults}


def _as_typed(value: Any) -> list[str]:
    """A TOML value as it would be typed: an option once for each item of a list or table."""
    if isinstance(value, dict):
        return [f"{name}={item}" for name, item in value.items()]
    return [str(item) for item in value] if isinstance(value, list) else [str(value)]


def _place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where the work is done."""
    options = (
        click.option(
            "--executor",
            type=click.Choice(("local", "ray")),
            default="local",
            show_default=True,
            help="Processes of this machine, or the tasks of a Ray cluster.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            help="How many at a time.  [default: one a device; on Ray what the cluster holds]",
        ),
        listed(
            "--devices", help="local: cpu, cuda:0, ...; the workers share them in turn.  [default: a GPU, else cpu]"
        ),
        click.option(
            "--threads",
            type=click.IntRange(min=1),
            envvar="OMP_NUM_THREADS",
            default=1,
            show_default="OMP_NUM_THREADS, else 1",
            help="CPU threads of a worker; on Ray the CPUs that it takes.",
        ),
        click.option(
            "--retries",
            type=click.IntRange(min=0),
            default=2,
            show_default=True,
            help="How often a group is given to another worker when its own died.",
        ),
    )
    return with_options(_ray_options(command), options)


def _ray_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which cluster, and what a worker takes of it."""
    options = (
        click.option(
            "--address", help="ray: the cluster, host:port or auto.  [default: RAY_ADDRESS, else one of this machine]"
        ),
        click.option(
            "--gpus",
            type=click.FloatRange(min=0),
            help="ray: the GPUs that a worker takes, 0.5 for two on one.  [default: 1, or 0 where there is none]",
        ),
    )
    return with_options(command, options)


@sweep.command()
@click.option(
    "--grid",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    is_eager=True,
    expose_value=False,
    callback=_read_grid,
    help="TOML with the names of these options; command-line options override the file.",
)
@click.option("--experiment", required=True, help="The name of the sweep, under which its runs are compared.")
@listed("--dataset", help="The datasets: mvtec, visa, or your own.")
@click.option(
    "--data-root",
    multiple=True,
    help="NAME=FOLDER for each dataset, or one FOLDER that holds them all: a folder or an address (s3://, gs://, "
    "sftp://).",
)
@setting_options
@training_options
@backbone_options
@_place_options
@click.option("--dry-run", is_flag=True, help="Print cells, what is done already, and how long the rest will take.")
@output_options
@runs_option
@db_option
@click.pass_context
def run(ctx: click.Context, /, *, runs: Path | None, db: str | None, **options: Any) -> None:
    """Run a grid: every combination of --dataset, --k-shot, --task, --seed and --variant.

    The numbers are those of promptad-db run. Each image is encoded once for all runs of its dataset. Ctrl-C keeps what
    is finished, and the same command goes on; so it does after failures, which it names at the end, with exit code 4.
    With --executor ray all machines need this package, and --runs and --data-root on storage that they share.
    """
    _refuse_unused(ctx, options)
    grid = _grid(options)
    if options["dry_run"]:
        from promptad_db.sweeps import plan_sweep
        from promptad_db.tables import render

        sections = plan_sweep(grid, runs=runs, db=db)
        show(render(sections, options["output_format"], **look(options["output"])), options["output"])
        return
    from promptad_db.db import db_option
    from promptad_db.progress import Callbacks
    from promptad_db.sweeps import sweep as start

    with progress_bar() as progress:
        callbacks = Callbacks(progress, lambda cell: echo_err([line_of(cell)]), lambda text: note([text]))
        outcome = start(grid, _executor(options), runs=runs, db=db, callbacks=callbacks)
    show("".join(f"{folder}\n" for folder in outcome.folders), options["output"])
    word = ["status"] if outcome.failed else []
    following = ["promptad-db", *(["sweep", *word] if word else ["report"]), "--experiment", grid.experiment]
    place = [*(["--runs", str(runs)] if runs and word else []), *db_option(db)]
    failed = f", {len(outcome.failed)} failed" if outcome.failed else ""
    echo_err(
        [f"{outcome.cells} cells in {len(outcome.folders)} runs{failed}; next: {shlex.join([*following, *place])}"]
    )
    if outcome.failed:
        ctx.exit(ExitCode.BAD_INPUT)


@sweep.command()
@click.option("--experiment", help="The name of the sweep.  [default: the one that was at work last]")
@output_options
@runs_option
@db_option
def status(experiment: str | None, output_format: str, output: Path | None, runs: Path | None, db: str | None) -> None:
    """Show what of a sweep is done, running, failed and missing, why, and how long the rest will take."""
    from promptad_db.sweeps import sweep_status
    from promptad_db.tables import render

    show(render(sweep_status(experiment, runs=runs, db=db), output_format, **look(output)), output)


def _refuse_unused(ctx: click.Context, options: dict[str, Any]) -> None:
    """An option that would change nothing was meant for something else."""
    if is_given(ctx, "output_format") and not options["dry_run"]:
        raise UsageError("--format is for the tables of --dry-run", "leave it out: run folders are printed one a line")
    for name in ("address", "gpus") if options["executor"] == "local" else ("devices",):
        if is_given(ctx, name):
            raise UsageError(
                f"--{name} is not for --executor {options['executor']}", "leave it out, or give the other --executor"
            )
    devices = options["devices"] or ()
    if "cpu" in devices and len(set(devices)) > 1 and not options["precision"] and options["model"] != "tiny":
        raise UsageError(f"--devices {','.join(devices)} compute in different precisions", "give --precision fp32")


def _grid(options: dict[str, Any]) -> Grid:
    from promptad_db.sweeps import Grid
    from promptad_db.sweeps.grid import data_roots

    several = {f"{name}s": options[name] for name in ("task", "k_shot", "seed", "variant") if options[name] is not None}
    common = (
        "method", "model", "pretrained", "precision", "memory_layers", "memory_tap", "temperature", "batch_size",
        "feature_cache", "epochs", "selection", "image_score", "resolution", "shots_file", "prompts",
    )  # fmt: skip
    return Grid(
        experiment=options["experiment"],
        data_roots=data_roots(options["dataset"] or (), options["data_root"]),
        categories=options["category"],
        options={name: options[name] for name in common},
        **several,
    )


def _executor(options: dict[str, Any]) -> Executor:
    shared = {name: options[name] for name in ("workers", "threads", "retries")}
    if options["executor"] == "ray":
        from promptad_db.sweeps.on_ray import RayExecutor

        return RayExecutor(options["address"], gpus=options["gpus"], **shared)
    from promptad_db.sweeps import LocalExecutor

    return LocalExecutor(options["devices"] or ("auto",), **shared)
