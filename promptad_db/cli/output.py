"""What a command prints, and the file that it writes with -o: looked at before the work, there whole or not at all."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptad_db.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_OBEYED = re.compile(r"(\x1b\[[\d;]*m|\n)")


class OutputFile(click.Path):
    """A file to be written: its folder must be there, and both must be writable."""

    def __init__(self) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        folder = Path(os.path.realpath(path)).parent
        if not folder.is_dir():
            self.fail(f"{str(path)!r}: there is no folder {str(folder)!r}; make it, or name another file.", param, ctx)
        if not _is_special(path) and not os.access(folder, os.W_OK | os.X_OK):
            self.fail(f"{str(path)!r}: the folder {str(folder)!r} is not writable; name another file.", param, ctx)
        return path


def output_option(*, required: bool = False, help: str = "Write to this file instead of stdout.") -> Callable[..., Any]:  # noqa: A002
    """-o, --output."""
    return click.option("-o", "--output", type=OutputFile(), required=required, help=help)


def write_output(path: Path, content: bytes) -> None:
    """Write what was asked for; InputError names the file that was given."""
    from promptad_db.storage.staging import staged

    try:
        if _is_special(path):
            path.write_bytes(content)
            return
        target = Path(os.path.realpath(path))
        with staged(target) as temporary:
            with temporary.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            if target.exists():
                temporary.chmod(stat.S_IMODE(target.stat().st_mode))
            temporary.replace(target)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written ({error.strerror})", "make room there, or give -o a file elsewhere"
        ) from error


def _is_special(path: Path) -> bool:
    """Whether it is a device or a pipe, which is written to and not replaced."""
    return path.exists() and not path.is_file()


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
    from promptad_db.tables.values import visible

    parts = _OBEYED.split(text)
    return "".join(part if index % 2 else visible(part) for index, part in enumerate(parts))


def echo_err(lines: Iterable[str]) -> None:
    """Write lines to stderr, with control characters made visible."""
    from promptad_db.tables.values import visible

    for line in lines:
        click.echo(visible(line), err=True)


def note(notes: Iterable[str]) -> None:
    """Write to stderr what a reader must know beside the data."""
    echo_err(f"note: {text}" for text in notes)
