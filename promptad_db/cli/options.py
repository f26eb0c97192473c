"""What commands share: options, lists with commas, and the one way to print."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from promptad_db.cli.output import output_option
from promptad_db.cli.values import Folder, Listed, Repeatable
from promptad_db.errors import UsageError
from promptad_db.tables.names import FORMATS

if TYPE_CHECKING:
    from promptad_db.db.queries.selection import Filters

Command = TypeVar("Command", bound=Callable[..., Any])


def listed(
    *names: str,
    kind: type[str | int] = str,
    help: str,  # noqa: A002
    known: Callable[[], Iterable[str]] | None = None,
) -> Callable[[Command], Command]:
    """An option of values with commas, None when it is not given; ``known`` as in Repeatable."""
    return click.option(*names, cls=Repeatable, type=Listed(kind), multiple=True, help=help, known=known)


db_option = click.option(
    "--db",
    metavar="DATABASE",
    help="The database: a DuckDB file, or a PostgreSQL address (postgresql+psycopg://USER@HOST/NAME).  "
    "[default: PROMPTAD_DB, else ./promptad.duckdb]",
)

runs_option = click.option(
    "--runs",
    type=Folder(),
    help="Where run folders are, also an address such as s3://bucket/runs.  [default: PROMPTAD_RUNS, else ./runs]",
)


def data_root_option(help: str, *, default: str = "", required: bool = False) -> Callable[[Command], Command]:  # noqa: A002
    """--data-root; ``default`` says where data are looked for without it."""
    return click.option(
        "--data-root",
        type=Folder(exists=True),
        required=required,
        help=f"{help}: a folder or an address (s3://, gs://, sftp://).{f'  [default: {default}]' if default else ''}",
    )


def with_options(command: Command, options: Sequence[Callable[[Command], Command]]) -> Command:
    """A command with several options, which its help shows in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def ci_option(command: Command) -> Command:
    """--ci."""
    return click.option(
        "--ci",
        is_flag=True,
        help="Add 95 % intervals over the sampling of test images, where the scores of all images are stored.",
    )(command)


def is_given(ctx: click.Context, name: str) -> bool:
    """Whether an option was given, on the command line or in a file of options, and does not have its default."""
    return ctx.get_parameter_source(name) is not ParameterSource.DEFAULT


def output_options(command: Command) -> Command:
    """--format and --output."""
    command = output_option()(command)
    return click.option(
        "--format",
        "output_format",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="How to print.",
    )(command)


def run_filters(command: Command) -> Command:
    """The filters that choose runs and their categories."""
    options = (
        click.option("--task", type=click.Choice(("cls", "seg")), help="Image-level (cls) or pixel-level (seg) only."),
        listed("--experiment", help="Only these experiments.  [default: the most recent one]"),
        listed("--dataset", help="Only these datasets."),
        listed("--category", help="Only these categories."),
        listed("--k-shot", kind=int, help="Only these numbers of shots."),
        listed("--seed", kind=int, help="Only these seeds."),
        listed("--method", help="Only these methods."),
        listed("--variant", help="Only these variants."),
        listed("--run", "run", help="Only these runs: ids, or unambiguous parts of ids."),
    )
    return with_options(command, options)


def filter_options(command: Command) -> Command:
    """The filters of report, audit and compare."""
    provenance = click.option(
        "--provenance",
        type=click.Choice(("best", "exact", "reported", "approx")),
        default="best",
        show_default=True,
        help="Which numbers: best takes the exact one, else the reported one, cell by cell.",
    )
    return run_filters(provenance(command))


def filters_from(options: dict[str, Any], branches: tuple[str, ...] | None = None) -> Filters:
    """The filters that the options mean."""
    from promptad_db.db.queries.selection import Filters
    from promptad_db.records import BRANCHES

    if branches is not None and (len(branches) != len(BRANCHES) or branches[0] == branches[1]):
        raise UsageError("--branches takes two different branches", "for example --branches semantic,max")
    return Filters(
        tasks=(options["task"],) if options["task"] else None,
        experiments=options["experiment"],
        datasets=options["dataset"],
        categories=options["category"],
        k_shots=options["k_shot"],
        seeds=options["seed"],
        methods=options["method"],
        variants=options["variant"],
        run_ids=options["run"],
        branches=(branches[0], branches[1]) if branches else BRANCHES,
        provenance=options.get("provenance", "best"),
    )
