"""The entry point: commands are loaded when they are called, and every error ends in one clear message."""

from __future__ import annotations

import gc
import io
import os
import sys
import threading
import traceback
from contextlib import nullcontext
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

COMMANDS = {
    "init": "database",
    "migrate": "database",
    "run": "run",
    "sweep": "sweep",
    "ingest": "ingest",
    "rebuild": "database",
    "verify": "database",
    "report": "reports",
    "audit": "reports",
    "compare": "reports",
    "plot": "plot",
    "check": "check",
    "fuse": "fuse",
    "runs": "runs",
    "sql": "queries",
    "export": "queries",
    "copy": "copy",
    "ui": "ui",
    "demo": "demo",
}


class LazyGroup(click.Group):
    """A group that imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        if name not in COMMANDS:
            return None
        module = import_module(f"promptad_db.cli.{COMMANDS[name]}")
        command: click.Command = getattr(module, name)
        return command


def _print_version(ctx: click.Context, _parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's
    if value and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"promptad-db {version('promptad-db')}")
        ctx.exit()


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong.")
@click.option(
    "--accept-new-host-key",
    is_flag=True,
    help="Take the host keys of SFTP servers that are not known into known_hosts; one that has changed is refused.",
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def cli(*, debug: bool, accept_new_host_key: bool) -> None:
    r"""Exact numbers for two-branch few-shot anomaly detection, in a database that you can ask.

    \b
    promptad-db ingest RESULTS     import existing results
    promptad-db report --task seg  which branch is weak, where, by how much
    promptad-db sql 'SELECT ...'   query with SQL

    Data goes to stdout, echo_err to stderr. Exit codes: 0 done, 1 check or verify found an error, 2 wrong usage, 3 database
    (locked, newer schema), 4 bad input (what could be taken was), 5 no rows match, 70 a bug, 130 Ctrl-C.
    """
    del debug
    if accept_new_host_key:
        from promptad_db.storage.known_hosts import ACCEPT

        os.environ[ACCEPT] = "1"  # also for the processes of a sweep


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    debug = "--debug" in sys.argv[1:]
    gc.set_threshold(50_000, 20, 20)  # a command makes many objects and few cycles: collecting rarely saves a tenth
    try:
        with _ended_by_ctrl_c():
            code: Any = cli.main(args=_arguments(), prog_name="promptad-db", standalone_mode=False)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - every error ends in one clear message
        if debug:
            traceback.print_exc()
        sys.exit(_explain(error))
    sys.exit(code or 0)


def _ended_by_ctrl_c() -> AbstractContextManager[None]:
    if threading.current_thread() is not threading.main_thread():
        return nullcontext()
    from promptad_db.cli.stopping import queries_hear_ctrl_c

    return queries_hear_ctrl_c()


def _arguments() -> list[str]:
    """The arguments with --debug first, wherever it was given."""
    given = sys.argv[1:]
    return ["--debug", *(word for word in given if word != "--debug")] if "--debug" in given else given


def _explain(error: BaseException) -> int:
    """Say on stderr what went wrong; the exit code."""
    from promptad_db.cli.stopping import is_interrupted
    from promptad_db.errors import ExitCode, PromptadError
    from promptad_db.tables.values import visible

    code: int
    if isinstance(error, click.exceptions.Abort) or (is_interrupted(error) and not _says_so(error)):
        lines, code = ["aborted"], ExitCode.INTERRUPTED
    elif isinstance(error, click.ClickException):
        said = io.StringIO()
        error.show(said)
        lines, code = said.getvalue().splitlines(), error.exit_code
    elif isinstance(error, PromptadError):
        lines, code = f"error: {error}".splitlines(), error.exit_code
    elif isinstance(error, OSError):
        lines, code = [f"error: {error.filename or 'a file'}: {error.strerror or error}"], ExitCode.BAD_INPUT
    else:
        lines = f"error: {type(error).__name__}: {error}".splitlines()
        lines.append("  this is a bug; promptad-db --debug ... shows where")
        code = ExitCode.BUG
    click.echo("\n".join(map(visible, lines)), err=True)
    return code


def _says_so(error: BaseException) -> bool:
    from promptad_db.errors import ExitCode, PromptadError

    return isinstance(error, PromptadError) and error.exit_code == ExitCode.INTERRUPTED
