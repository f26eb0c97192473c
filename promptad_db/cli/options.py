"""What commands share: options, lists with commas, and the one way to print."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from promptad_db.cli.output import output_option, write_output
from promptad_db.errors import InputError, UsageError

if TYPE_CHECKING:
    from promptad_db.db.selection import Filters

FORMATS = ("table", "md", "csv", "json", "latex", "html")

_BEYOND = 1 << 63
_OBEYED = re.compile(r"(\x1b\[[\d;]*m|\n)")
_LONGEST_RANGE = 10_000

Command = TypeVar("Command", bound=Callable[..., Any])


class Listed(click.ParamType[tuple[Any, ...]]):
    """Values with commas between them."""

    def __init__(self, kind: type[str | int] = str) -> None:
        self.kind = kind
        self.name = "list"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click's signature
        return "N[,N..N...]" if self.kind is int else "NAME[,NAME...]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Any, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in str(value).split(",") if part.strip()]
        try:
            values = tuple(one for part in parts for one in (_numbers(part) if self.kind is int else (part,)))
        except ValueError as error:
            self.fail(f"{value!r} is not a list of whole numbers{error}", param, ctx)
        if any(isinstance(number, int) and abs(number) >= _BEYOND for number in values):
            self.fail(f"{value!r} holds a number beyond 64 bits", param, ctx)
        return values


def _numbers(text: str) -> range | tuple[int]:
    """One number, or a range with both ends, as 1..5."""
    first, dots, last = text.partition("..")
    try:
        numbers = range(int(first), int(last) + 1) if dots else (int(first),)
    except ValueError:
        raise ValueError("") from None
    if not numbers or len(numbers) > _LONGEST_RANGE:
        raise ValueError(f": {text} holds {'none' if not numbers else f'more than {_LONGEST_RANGE}'}")
    return numbers


class Folder(click.Path):
    """A folder of this machine by its path, or of a store by its address; the value is as ``folder_at`` returns it.

    No store is asked while options are parsed: whether a folder exists there is asked by ``require_folders``.
    """

    def __init__(self, *, exists: bool = False, or_file: bool = False) -> None:
        super().__init__(exists=exists, file_okay=or_file, path_type=Path)

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click's signature
        return "PATH|ADDRESS" if self.file_okay else "DIRECTORY|ADDRESS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if "://" not in str(value):
            return super().convert(value, param, ctx)
        from promptad_db.storage import folder_at, is_remote

        folder = folder_at(value)
        return folder if is_remote(folder) else super().convert(folder, param, ctx)


def require_folders(*folders: Path | None) -> None:
    """Those folders of stores that a command is about to read must exist; folders of this machine were found already.

    Raises click's UsageError for one that does not, InputError for a store that cannot be reached.
    """
    from promptad_db.datasets.listing import is_folder
    from promptad_db.storage import is_remote

    for folder in folders:
        if folder is None or not is_remote(folder):
            continue
        try:
            there = is_folder(folder)
        except OSError as error:
            raise InputError(
                f"{error.filename}: cannot be reached ({error.strerror})",
                "check the address, the network, and the credentials that its driver finds",
            ) from error
        if not there:
            raise click.UsageError(f"Directory '{folder}' does not exist.", click.get_current_context())


class Repeatable(click.Option):
    """An option that may be given several times, each time with commas; the values are joined."""

    def process_value(self, ctx: click.Context, value: Any) -> tuple[Any, ...] | None:
        given = super().process_value(ctx, value)
        return tuple(item for part in given for item in part) or None if given else None


def listed(*names: str, kind: type[str | int] = str, help: str) -> Callable[[Command], Command]:  # noqa: A002
    """An option of values with commas, None when it is not given."""
    return click.option(*names, cls=Repeatable, type=Listed(kind), multiple=True, help=help)


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
        listed("--dataset", help="Only these data sets."),
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
    from promptad_db.db.selection import BRANCHES, Filters

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


def look(output: Path | None) -> dict[str, Any]:
    """The width and colour of the place that a table is printed to; COLUMNS sets a width where there is no terminal."""
    terminal = output is None and sys.stdout.isatty()
    return {
        "width": shutil.get_terminal_size().columns if terminal or os.environ.get("COLUMNS") else None,
        "colour": terminal and "NO_COLOR" not in os.environ,
    }


def show(text: str, output: Path | None) -> None:
    """Print data: to stdout, or to a file that is there whole or not at all."""
    if output is None:
        click.echo(_for_terminal(text) if sys.stdout.isatty() else text, nl=False, color=True)
        return
    write_output(output, text.encode())


def _for_terminal(text: str) -> str:
    """The text with control characters made visible, but for line ends and colours: CSV, as data, holds names raw."""
    from promptad_db.report.values import visible

    parts = _OBEYED.split(text)
    return "".join(part if index % 2 else visible(part) for index, part in enumerate(parts))


def talk(lines: Iterable[str]) -> None:
    """Say something on stderr, with control characters made visible."""
    from promptad_db.report.values import visible

    for line in lines:
        click.echo(visible(line), err=True)


def note(notes: Iterable[str]) -> None:
    """Say what the reader must know beside the data."""
    talk(f"note: {text}" for text in notes)
