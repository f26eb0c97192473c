"""A run folder on a store: a category is whole when its marker is there, which is written last."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_DOWNLOAD, LARGEST_TEXT
from promptad_db.run_folder.places.manifest import MANIFEST, Content, copy_rest, examine, fingerprint_of, manifest_bytes
from promptad_db.run_folder.places.marker import MARKER, Marker, marker_of, new_version
from promptad_db.run_folder.places.run_storage import RUN_FILE
from promptad_db.storage import each, files, has_folders, reaching, read_object, write_object

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from datetime import datetime

_TIMES = ("LastModified", "mtime", "created")


@dataclass(frozen=True)
class RunOnStore:
    """As RunStorage says."""

    folder: Path

    def create(self, content: bytes) -> None:
        with reaching(self.folder):
            exists = (self.folder / RUN_FILE).exists()
        if exists:
            raise FileExistsError(str(self.folder))
        write_object(self.folder / RUN_FILE, content)

    def categories(self) -> list[str]:
        return [name.removesuffix(f"/{MARKER}") for name in self._found() if _is_marker(name)]

    def write(self, name: str, write: Callable[[Path], None], *, keep_rest: bool) -> None:
        def fill(empty: Path) -> None:
            write(empty)
            old = self._marker(name) if keep_rest else None
            rest = [] if old is None else [file for file in old.files if not (empty / file).exists()]
            if rest:
                with self.reading(name, rest) as kept:
                    copy_rest(kept.folder, empty)
            (empty / MANIFEST).write_bytes(manifest_bytes(empty))

        self._put_in_place(name, fill)

    def take(self, name: str, content: Path) -> None:
        self._put_in_place(name, lambda empty: shutil.copytree(content, empty, dirs_exist_ok=True))

    def seal(self, name: str, check: Callable[[Path], object]) -> None:
        old = self._required(name)
        with tempfile.TemporaryDirectory(prefix="promptad-db-") as temporary:
            here = Path(temporary)
            self._get(name, old, here, old.files)
            check(here)
            content = manifest_bytes(here)
            fingerprint = fingerprint_of(here)
        write_object(self.folder / name / old.folder / MANIFEST, content)
        new = Marker(old.folder, fingerprint, {**old.files, MANIFEST: len(content)})
        write_object(self.folder / name / MARKER, new.content())

    def holds(self, name: str, file: str) -> bool:
        marker = self._marker(name)
        return marker is not None and file in marker.files

    @contextmanager
    def reading(self, name: str, only: Collection[str] | None = None) -> Iterator[Content]:
        with self._fetched(name, only) as content:
            yield content.checked()

    def examined(self, name: str) -> Content:
        with self._fetched(name, None) as content:
            return replace(content, folder=self.folder / name)

    def writing_of(self, name: str) -> object:
        return self._marker(name)

    def fingerprint(self, name: str) -> str:
        return self._required(name).fingerprint

    def loose_files(self, prefix: str) -> list[Path]:
        return [self.folder / name for name in sorted(self._found()) if "/" not in name and name.startswith(prefix)]

    def remove_file(self, path: Path) -> None:
        with reaching(path):
            self._fs.rm_file(_path(path))

    def stamp(self) -> object:
        found = self._found()
        if RUN_FILE not in found:
            return None
        # Each writing of a category has a name of its own, but run.json has only its time and what the store adds to it.
        return hash((frozenset(found), *(str(found[RUN_FILE].get(key)) for key in ("ETag", "etag", *_TIMES, "size"))))

    def times(self) -> dict[str, datetime]:
        return {
            name.removesuffix(f"/{MARKER}"): next(info[key] for key in _TIMES if info.get(key))
            for name, info in self._found().items()
            if name == RUN_FILE or _is_marker(name)
        }

    def sync(self) -> None:
        """What a store has taken, it keeps."""

    def interrupted(self) -> bool:
        return False  # the marker names one writing or the other

    def tidy(self, *, alone: bool) -> None:
        if not alone:
            return
        markers = {name: self._marker(name) for name in self.categories()}
        kept = {f"{name}/{marker.folder}" for name, marker in markers.items() if marker is not None}
        found = self._found()
        for name in sorted({name.rpartition("/")[0] for name in found} - kept - set(markers) - {""}):
            self._remove(self.folder / name)
        for name in found:
            if name.startswith(f".{RUN_FILE}.tmp-"):
                self._gone(self.folder / name)

    def discard(self, trash: Path) -> Path:
        discarded = trash / self.folder.name
        self._remove(discarded)
        with reaching(self.folder):
            if has_folders(self.folder):
                self._fs.makedirs(_path(trash), exist_ok=True)
                self._fs.mv(_path(self.folder), _path(discarded))
            else:
                # run.json goes last: as long as it is there, so is the run.
                names = sorted(self._found(), key=lambda name: name == RUN_FILE)
                for name in names:
                    self._fs.cp_file(_path(self.folder / name), _path(discarded / name))
                for name in names:
                    self._fs.rm_file(_path(self.folder / name))
        return discarded

    @property
    def _fs(self) -> Any:
        return self.folder.fs  # type: ignore[attr-defined]

    def _found(self) -> dict[str, dict[str, Any]]:
        """What the store holds below the run folder, by names relative to it."""
        return _below(self.folder)

    def _marker(self, name: str) -> Marker | None:
        """The marker of a category; None where there is none."""
        path = self.folder / name / MARKER
        try:
            content = read_object(path, LARGEST_TEXT)
        except FileNotFoundError:
            return None
        return marker_of(path, files.parse_json(path, content))

    def _required(self, name: str) -> Marker:
        marker = self._marker(name)
        if marker is None:
            raise InputError(f"{self.folder / name}: not a category folder")
        return marker

    @contextmanager
    def _fetched(self, name: str, only: Collection[str] | None) -> Iterator[Content]:
        """Files of a category in a folder of this machine, for a while; errors name them by their addresses."""
        with tempfile.TemporaryDirectory(prefix="promptad-db-") as temporary:
            here = Path(temporary)
            try:
                yield self._fetch(name, here, only)
            except InputError as error:
                raise InputError(error.args[0].replace(str(here), str(self.folder / name)), error.hint) from error

    def _fetch(self, name: str, here: Path, only: Collection[str] | None) -> Content:
        """Bring files of a category here. One that was replaced meanwhile is fetched again."""
        marker = self._required(name)
        wanted = None if only is None else {*only, MANIFEST}
        while True:
            if sum(marker.files.values()) > LARGEST_DOWNLOAD:
                raise InputError(
                    f"{self.folder / name}: larger than {LARGEST_DOWNLOAD >> 30} GiB, too large to be read"
                )
            try:
                self._get(name, marker, here, [file for file in marker.files if wanted is None or file in wanted])
                content = examine(here, only)
            except FileNotFoundError:
                content = None
            if content is not None and not content.problems and content.fingerprint in ("", marker.fingerprint):
                return content
            now = self._required(name)
            if now == marker:
                if content is not None and content.problems:
                    return content
                raise InputError(f"{self.folder / name}: its files are not those that its {MARKER} tells of")
            marker = now
            for path in here.iterdir():
                path.unlink()

    def _get(self, name: str, marker: Marker, here: Path, wanted: Iterable[str]) -> None:
        source = self.folder / name / marker.folder
        each(self.folder, lambda file: self._fs.get_file(_path(source / file), str(here / file)), wanted)

    def _put_in_place(self, name: str, fill: Callable[[Path], object]) -> None:
        """Have an empty folder filled, upload its files, and turn the marker to them."""
        old = self._marker(name)
        with tempfile.TemporaryDirectory(prefix="promptad-db-") as temporary:
            here = Path(temporary)
            fill(here)
            there = sorted(here.iterdir())
            new = Marker(new_version(), fingerprint_of(here), {path.name: path.stat().st_size for path in there})
            target = self.folder / name / new.folder
            try:
                self._put(there, target)
            except BaseException:
                with suppress(OSError):
                    self._remove(target)
                raise
            # Whether a marker came through is not sure when this fails, so both writings stay then.
            write_object(self.folder / name / MARKER, new.content())
        if old is not None:
            self._remove(self.folder / name / old.folder)

    def _put(self, there: Iterable[Path], target: Path) -> None:
        if has_folders(target):
            with reaching(target):
                self._fs.makedirs(_path(target), exist_ok=True)
        each(self.folder, lambda path: self._fs.put_file(str(path), _path(target / path.name)), there)

    def _remove(self, folder: Path) -> None:
        """Remove a folder; what of it goes away meanwhile is gone as well."""
        each(self.folder, lambda name: self._gone(folder / name), _below(folder))
        with reaching(folder):
            if has_folders(folder) and self._fs.exists(_path(folder)):
                for path in sorted(self._fs.find(_path(folder), withdirs=True), reverse=True):
                    self._fs.rmdir(path)

    def _gone(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            self._fs.rm_file(_path(path))


def _path(address: Path) -> str:
    """An address as its file system takes it: never as a pattern, so that names may hold brackets."""
    path: str = address.path  # type: ignore[attr-defined]
    return path


def _below(folder: Path) -> dict[str, dict[str, Any]]:
    with reaching(folder):
        found = folder.fs.find(_path(folder), detail=True)  # type: ignore[attr-defined]
    start = f"{_path(folder)}/"
    return {name.removeprefix(start): info for name, info in found.items() if name.startswith(start)}


def _is_marker(name: str) -> bool:
    folder, _, file = name.partition("/")
    return file == MARKER and not folder.startswith(".")
