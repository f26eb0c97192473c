"""What every place of a run folder can do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from contextlib import AbstractContextManager
    from datetime import datetime
    from pathlib import Path

    from promptad_db.run_folder.places.manifest import Content

RUN_FILE = "run.json"


class RunStorage(Protocol):
    """A run folder; categories go by their folder names, and only whole ones are seen."""

    @property
    def folder(self) -> Path:
        """Where it is."""

    def create(self, content: bytes) -> None:
        """Make the run, which appears with this run.json; FileExistsError when there is one."""

    def categories(self) -> list[str]:
        """The names of the category folders."""

    def write(self, name: str, write: Callable[[Path], None], *, keep_rest: bool) -> None:
        """Have a category written into an empty folder of this machine, and put it in the place of the one there is, with
        a manifest of its files.

        With ``keep_rest`` files of the old one that the new one lacks stay.
        """

    def take(self, name: str, content: Path) -> None:
        """Put the files of a folder of this machine, as they are, in the place of a category."""

    def seal(self, name: str, check: Callable[[Path], object]) -> None:
        """Write the manifest of a category anew: its files, which ``check`` has read, are right as they are now."""

    def holds(self, name: str, file: str) -> bool:
        """Whether a category holds a file."""

    def reading(self, name: str, only: Collection[str] | None = None) -> AbstractContextManager[Content]:
        """The files of a category, or ``only`` some, in a folder of this machine, held against its manifest.

        InputError when it is not there, and for a file that is not as the manifest says.
        """

    def examined(self, name: str) -> Content:
        """The files of a category with all that is wrong with them."""

    def writing_of(self, name: str) -> object:
        """What is another one as soon as a category is written again; None when it is not there."""

    def fingerprint(self, name: str) -> str:
        """A hash over names and bytes of the files of a category; InputError as ``reading``."""

    def loose_files(self, prefix: str) -> list[Path]:
        """The files directly in the run folder whose names begin so, sorted."""

    def remove_file(self, path: Path) -> None:
        """Remove one of them."""

    def stamp(self) -> object:
        """What changes whenever run.json or a category does; None when there is no run."""

    def times(self) -> dict[str, datetime]:
        """When run.json and each category were last written, by their names."""

    def sync(self) -> None:
        """Have the names of new categories outlast a power failure; their files do already."""

    def interrupted(self) -> bool:
        """Whether a category is being replaced, or was when its writer was killed."""

    def tidy(self, *, alone: bool) -> None:
        """Put right what killed processes left; ``alone``: nobody writes to the run now, so that leftovers go."""

    def discard(self, trash: Path) -> Path:
        """Move the run into the folder ``trash``, over one of its name; where it is then."""
