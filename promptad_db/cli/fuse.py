"""Other fusions of stored runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from promptad_db.cli.options import db_option, filters_from, is_given, listed, run_filters, runs_option
from promptad_db.cli.output import echo_err, note
from promptad_db.cli.progress import progress_bar
from promptad_db.cli.values import Folder, require_folders
from promptad_db.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path


def _rules() -> tuple[str, ...]:
    from promptad_db.fusion.recipes import RULE_NAMES

    return RULE_NAMES


@click.command()
@click.argument("paths", nargs=-1, metavar="[RUN_FOLDER]...", type=Folder(exists=True, or_file=True))
@listed(
    "--rule",
    help="By these rules: {known}; weighted takes the share of the semantic branch, 0 to 1.",
    known=_rules,
)
@click.option(
    "--calibrate",
    type=click.Choice(("none", "minmax", "rank", "zscore-normal")),
    default="none",
    show_default=True,
    help="Put each branch on a common scale first: by its test scores (minmax, rank) or by the K shots' own.",
)
@click.option("--float16", "half", is_flag=True, help="Compute element-wise rules in float16, as a public fork did.")
@click.option(
    "--hold-out",
    type=click.Choice(("category", "dataset")),
    default="category",
    show_default=True,
    help="What a gate must not learn from: the category that it is for, or all of its dataset.",
)
@click.option("--name", help="Call the branches of gates gate_NAME: two trainings are two branches.")
@click.option("--replace", is_flag=True, help="Overwrite branches that are stored with other numbers.")
@run_filters
@runs_option
@db_option
@click.pass_context
def fuse(ctx: click.Context, /, paths: tuple[Path, ...], **options: Any) -> None:
    """Fuse the stored scores and maps of both branches by other rules, without the model, and score them exactly.

    Takes run folders, or the runs in the database that the filters choose. Each new branch goes into the run folder and
    the database: max, weighted_0.3, rank_mean, oracle, by_type, gate, gate_hard; after a calibration max_minmax and so
    on. The same fusion twice changes nothing.

    oracle is an upper bound: it uses the labels. by-type uses the defect type; its image scores cannot beat max. gate
    and gate-hard are trained on the labels of other categories of the chosen runs, never on those of the category that
    they are for, nor on the same images under the name of another dataset; they weigh scores of both branches against
    each other, so --calibrate where the branches are on different scales. A gate of another training under the same
    name in the same experiment needs a --name.

    What cannot be fused is named, once a reason, everything else is fused, and the exit code is 4. Categories that hold
    reported numbers alone are passed over, and change no exit code.
    """
    from promptad_db.db import database_path
    from promptad_db.fusing import FuseOptions, fuse_paths, fuse_selected, lines_of
    from promptad_db.fusion.recipes import BY_TYPE_BOUND, recipes

    chosen = recipes(options["rule"] or (), options["calibrate"], half=options["half"], name=options["name"])
    if is_given(ctx, "hold_out") and not any(recipe.learned for recipe in chosen):
        raise UsageError("--hold-out is for gate and gate-hard", "leave it out")
    fuse_options = FuseOptions(options["category"], replace=options["replace"], hold_out=options["hold_out"])
    filters, database = filters_from(options), database_path(options["db"])
    require_folders(*paths)
    with progress_bar() as progress:
        if paths:
            outcome = fuse_paths(paths, filters, chosen, database, fuse_options, progress=progress)
        else:
            outcome = fuse_selected(filters, chosen, database, fuse_options, runs=options["runs"], progress=progress)
    note([*outcome.notes, *(f"{recipe.branch}: {recipe.note}" for recipe in chosen if not recipe.fair)])
    note(f"{recipe.branch}: {BY_TYPE_BOUND}" for recipe in chosen if recipe.kind == "by-type")
    echo_err(f"skipped: {line}" for line in lines_of(outcome.skipped))
    echo_err(f"rejected: {line}" for line in lines_of(outcome.rejected))
    echo_err([outcome.summary()])
    if outcome.rejected:
        ctx.exit(ExitCode.BAD_INPUT)
