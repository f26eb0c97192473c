"""Types of option values: lists with commas, ranges, folders and addresses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from promptad_db.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_BEYOND = 1 << 63
_LONGEST_RANGE = 10_000


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
    """An option that may be given several times, each time with commas; the values are joined.

    ``known`` returns the names that stand for ``{known}`` in its help; it is called when the help is shown.
    """

    def __init__(self, *declarations: Any, known: Callable[[], Iterable[str]] | None = None, **attributes: Any) -> None:
        super().__init__(*declarations, **attributes)
        self._known = known

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        record = super().get_help_record(ctx)
        if record is None or self._known is None:
            return record
        return record[0], record[1].replace("{known}", ", ".join(self._known()))

    def process_value(self, ctx: click.Context, value: Any) -> tuple[Any, ...] | None:
        given = super().process_value(ctx, value)
        return tuple(item for part in given for item in part) or None if given else None
