"""What every place of a run folder can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

RUN_FILE = "run.json"


class RunPlace(Protocol):
    """A run folder; categories go by their folder names, and only whole ones are seen."""

    @property
    def folder(self) -> Path:
        """Where it is."""

    def create(self, content: bytes) -> None:
        """Make the run, which appears with this run.json; FileExistsError when there is one."""

    def categories(self) -> list[str]:
        """The names of the category folders."""

    def write(self, name: str, write: Callable[[Path], None], *, keep_rest: bool) -> None:
        """Have a category written into an empty folder of this machine, and put it in the place of the one there is.

        With ``keep_rest`` files of the old one that the new one lacks stay.
        """

    def holds(self, name: str, file: str) -> bool:
        """Whether a category holds a file."""

    def reading(self, name: str, only: Collection[str] | None = None) -> AbstractContextManager[Path]:
        """The files of a category, or ``only`` some, in a folder of this machine; InputError when it is not there."""

    def fingerprint(self, name: str) -> str:
        """A hash over names and bytes of the files of a category."""

    def loose_files(self, prefix: str) -> list[Path]:
        """The files directly in the run folder whose names begin so, sorted."""

    def remove_file(self, path: Path) -> None:
        """Remove one of them."""

    def stamp(self) -> object:
        """What changes whenever run.json or a category does; None when there is no run."""

    def times(self) -> dict[str, datetime]:
        """When run.json and each category were last written, by their names."""

    def tidy(self, *, alone: bool) -> None:
        """Put right what killed processes left; ``alone``: nobody writes to the run now, so that leftovers go."""

    def discard(self, trash: Path) -> Path:
        """Move the run into the folder ``trash``, over one of its name; where it is then."""
