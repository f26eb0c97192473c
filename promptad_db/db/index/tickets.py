"""What stands in the files of ``<database>.waiting/``: tickets and answers, each with a type and bounds, read with care."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec

from promptad_db.db.index.outcome import IndexOutcome
from promptad_db.errors import InputError, PromptadError
from promptad_db.storage import folder_at, is_remote
from promptad_db.storage.lock import shared_mode

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

FOLDERS_AT_A_TIME = 1_000
_LARGEST = 64 << 20
_LONGEST_ADDRESS = 4096

_Address = Annotated[str, msgspec.Meta(min_length=1, max_length=_LONGEST_ADDRESS, pattern=r"\A[^\x00]*\Z")]
_Text = Annotated[str, msgspec.Meta(max_length=1 << 16)]
_Count = Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)]
_Content = TypeVar("_Content", bound=msgspec.Struct)


class TicketContent(msgspec.Struct, forbid_unknown_fields=True):
    """The run folders that somebody wants to be indexed."""

    folders: Annotated[list[_Address], msgspec.Meta(min_length=1, max_length=FOLDERS_AT_A_TIME)]


class AnswerContent(msgspec.Struct, forbid_unknown_fields=True):
    """An IndexOutcome as JSON."""

    added: list[_Text]
    extended: list[_Text]
    unchanged: list[_Text]
    rejected: list[tuple[_Address, _Text]]
    categories: dict[_Text, _Count]
    unverified: dict[_Text, _Count] = msgspec.field(default_factory=dict)


def write_ticket(path: Path, folders: Iterable[Path]) -> None:
    """Hand in run folders; OSError where the file cannot be written."""
    _write(path, TicketContent([str(folder) for folder in folders]))


def read_ticket(path: Path) -> list[Path]:
    """The run folders of a ticket; InputError for what is none, FileNotFoundError when it was taken back."""
    try:
        folders = [folder_at(address) for address in _read(path, TicketContent).folders]
    except (PromptadError, OSError, ValueError) as error:
        raise _bad(path, error) from error
    for folder in folders:
        if not is_remote(folder) and not folder.is_absolute():
            raise InputError(f"{path}: {str(folder)!r} is not a whole path")
    return folders


def write_answer(path: Path, outcome: IndexOutcome) -> None:
    """Say what was done; OSError where the file cannot be written."""
    rejected = [(str(place), reason[: 1 << 16]) for place, reason in outcome.rejected]
    _write(
        path,
        AnswerContent(
            outcome.added, outcome.extended, outcome.unchanged, rejected, outcome.categories, outcome.unverified
        ),
    )


def read_answer(path: Path) -> IndexOutcome:
    """What was done; InputError for what is no answer, FileNotFoundError when there is none."""
    found = _read(path, AnswerContent)
    try:
        rejected = [(folder_at(place), reason) for place, reason in found.rejected]
    except (PromptadError, OSError, ValueError) as error:
        raise _bad(path, error) from error
    return IndexOutcome(found.added, found.extended, found.unchanged, rejected, found.categories, found.unverified)


def _write(path: Path, content: msgspec.Struct) -> None:
    """Write a file that is there whole or not at all, and that others who may write into the folder can read."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(msgspec.json.encode(content))
        temporary.chmod(shared_mode(path.parent))
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _read(path: Path, kind: type[_Content]) -> _Content:
    """The content of a plain file; a link, a pipe or a folder is none, and nothing waits for one."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
                raise InputError(f"{path}: not a plain file of at most {_LARGEST >> 20} MiB")
            return msgspec.json.decode(file.read(_LARGEST), type=kind)
    except FileNotFoundError:
        raise
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise _bad(path, error) from error


def _bad(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: {getattr(error, 'strerror', None) or str(error).splitlines()[0]}")
