"""A run folder on this machine: categories are written under a hidden name and renamed when complete."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from promptad_db.errors import InputError
from promptad_db.run_folder.places.lock import changing
from promptad_db.run_folder.places.manifest import MANIFEST, Content, copy_rest, examine, manifest_bytes
from promptad_db.run_folder.places.marker import MARKER, content_folder, marker_in
from promptad_db.run_folder.places.run_storage import RUN_FILE
from promptad_db.storage import files

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

_SET_ASIDE = ".old-"


@dataclass(frozen=True)
class RunOnDisk:
    """As RunStorage says."""

    folder: Path

    def create(self, content: bytes) -> None:
        if self.folder.exists():
            raise FileExistsError(str(self.folder))
        temporary = files.temporary_name(self.folder)
        temporary.mkdir(parents=True)
        try:
            files.write_bytes(temporary / RUN_FILE, content)
            temporary.rename(self.folder)
            files.sync(self.folder, self.folder.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def categories(self) -> list[str]:
        with os.scandir(self.folder) as entries:
            names = [entry.name for entry in entries if entry.is_dir()]
        # What is set aside is in its place again in a moment, or was left there by a killed process.
        aside = [_name_of(name) for name in names if _SET_ASIDE in name]
        return sorted({*(name for name in names if not name.startswith(".")), *filter(None, aside)})

    def write(self, name: str, write: Callable[[Path], None], *, keep_rest: bool) -> None:
        def fill(empty: Path) -> None:
            write(empty)
            if keep_rest and self._current(name).exists():
                with self.reading(name) as old:
                    copy_rest(old.folder, empty)
            (empty / MANIFEST).write_bytes(manifest_bytes(empty))

        self._put(name, fill)

    def take(self, name: str, content: Path) -> None:
        self._put(name, lambda empty: shutil.copytree(content, empty, dirs_exist_ok=True))

    def seal(self, name: str, check: Callable[[Path], object]) -> None:
        content = content_folder(self._current(name))
        check(content)
        files.write_bytes(content / MANIFEST, manifest_bytes(content))

    def holds(self, name: str, file: str) -> bool:
        return (content_folder(self._current(name)) / file).is_file()

    @contextmanager
    def reading(self, name: str, only: Collection[str] | None = None) -> Iterator[Content]:
        yield self._examined(name, only).checked()

    def examined(self, name: str) -> Content:
        return self._examined(name, None)

    def writing_of(self, name: str) -> object:
        folder = self._current(name)
        try:
            status = folder.stat()
        except OSError:
            return None
        return folder.name, status.st_dev, status.st_ino, status.st_mtime_ns  # set aside while it is read, it moves

    def fingerprint(self, name: str) -> str:
        return self._examined(name, None).checked().fingerprint

    def loose_files(self, prefix: str) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.name.startswith(prefix))

    def remove_file(self, path: Path) -> None:
        path.unlink()

    def times(self) -> dict[str, datetime]:
        names = [*self.categories(), RUN_FILE]
        return {name: datetime.fromtimestamp(self._current(name).stat().st_mtime, UTC) for name in names}

    def stamp(self) -> object:
        try:
            return (self.folder / RUN_FILE).stat().st_mtime_ns, self.folder.stat().st_mtime_ns
        except OSError:
            return None

    def sync(self) -> None:
        files.sync(self.folder)  # with a journal, this brings the entries of new folders in it along

    def interrupted(self) -> bool:
        return any(_name_of(path.name) for path in self.folder.glob(f".*{_SET_ASIDE}*"))

    def tidy(self, *, alone: bool) -> None:
        for old in self.folder.glob(f".*{_SET_ASIDE}*"):
            final = self.folder / _name_of(old.name)
            if final.exists():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.rename(final)
        for path in self.folder.glob(".*.tmp-*") if alone else ():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def discard(self, trash: Path) -> Path:
        trash.mkdir(exist_ok=True)
        discarded = trash / self.folder.name
        if discarded.exists():
            shutil.rmtree(discarded)
        return self.folder.rename(discarded)

    def _current(self, name: str) -> Path:
        """The folder of a category: under its name, or where it was set aside by who is just replacing it."""
        final = self.folder / name
        if final.exists():
            return final
        aside = [path for path in self.folder.glob(f".*{_SET_ASIDE}*") if _name_of(path.name) == name]
        return aside[0] if aside and not final.exists() else final

    def _examined(self, name: str, only: Collection[str] | None) -> Content:
        path = self._current(name)
        files.require_own(path)
        if not path.is_dir():
            raise InputError(f"{path}: not a category folder")
        content = examine(content_folder(path), only)
        marker = marker_in(path)
        if marker is None or only is not None or content.problems or content.fingerprint == marker.fingerprint:
            return content
        return replace(content, problems=((f"../{MARKER}", f"is of other files than {content.folder}"),))

    def _put(self, name: str, fill: Callable[[Path], object]) -> None:
        """Have an empty folder filled, and put it in the place of the category, its bytes on the disk."""
        final = self.folder / name
        temporary = files.temporary_name(final)
        temporary.mkdir()
        try:
            fill(temporary)
            files.sync(*temporary.iterdir())
            with changing(self.folder):
                if final.exists():
                    self.tidy(alone=False)
                    old = final.with_name(f".{name}{_SET_ASIDE}{secrets.token_hex(6)}")
                    final.rename(old)
                    temporary.rename(final)
                    shutil.rmtree(old)
                else:
                    temporary.rename(final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _name_of(aside: str) -> str:
    """The category that was set aside under a hidden name."""
    return aside[1:].rpartition(_SET_ASIDE)[0] if aside.startswith(".") else ""
