"""A run folder on this machine: categories are written under a hidden name and renamed when complete."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from promptad_db import files
from promptad_db.errors import InputError
from promptad_db.run_places.marker import content_folder, fingerprint_of
from promptad_db.run_places.place import RUN_FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

_SET_ASIDE = ".old-"


@dataclass(frozen=True)
class RunOnDisk:
    """As RunPlace says."""

    folder: Path

    def create(self, content: bytes) -> None:
        if self.folder.exists():
            raise FileExistsError(str(self.folder))
        temporary = files.temporary_name(self.folder)
        temporary.mkdir(parents=True)
        try:
            files.write_bytes(temporary / RUN_FILE, content)
            temporary.rename(self.folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def categories(self) -> list[str]:
        with os.scandir(self.folder) as entries:
            return [entry.name for entry in entries if entry.is_dir() and not entry.name.startswith(".")]

    def write(self, name: str, write: Callable[[Path], None], *, keep_rest: bool) -> None:
        final = self.folder / name
        temporary = files.temporary_name(final)
        temporary.mkdir()
        try:
            write(temporary)
            if final.exists():
                if keep_rest:
                    _copy_rest(content_folder(final), temporary)
                old = final.with_name(f".{name}{_SET_ASIDE}{secrets.token_hex(6)}")
                final.rename(old)
                temporary.rename(final)
                shutil.rmtree(old)
            else:
                temporary.rename(final)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def holds(self, name: str, file: str) -> bool:
        return (content_folder(self.folder / name) / file).is_file()

    @contextmanager
    def reading(self, name: str, only: Collection[str] | None = None) -> Iterator[Path]:
        del only  # they are all here
        path = self.folder / name
        files.require_own(path)
        if not path.is_dir():
            raise InputError(f"{path}: not a category folder")
        yield content_folder(path)

    def fingerprint(self, name: str) -> str:
        with self.reading(name) as content:
            return fingerprint_of(content)

    def loose_files(self, prefix: str) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.name.startswith(prefix))

    def remove_file(self, path: Path) -> None:
        path.unlink()

    def times(self) -> dict[str, datetime]:
        names = [*self.categories(), RUN_FILE]
        return {name: datetime.fromtimestamp((self.folder / name).stat().st_mtime, UTC) for name in names}

    def stamp(self) -> object:
        try:
            return (self.folder / RUN_FILE).stat().st_mtime_ns, self.folder.stat().st_mtime_ns
        except OSError:
            return None

    def tidy(self, *, alone: bool) -> None:
        for old in self.folder.glob(f".*{_SET_ASIDE}*"):
            final = self.folder / old.name[1:].rpartition(_SET_ASIDE)[0]
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


def _copy_rest(source: Path, target: Path) -> None:
    for path in source.iterdir():
        if path.is_file() and not (target / path.name).exists():
            shutil.copy2(path, target / path.name)
