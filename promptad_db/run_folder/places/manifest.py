"""manifest.json of a category: the size and the SHA-256 of each of its files, so that whoever reads finds a changed byte.

    {"format": 1, "files": {"images.parquet": {"bytes": 1234, "sha256": "..."}, ...}}

It is written with the files and appears with them. Categories that were written before manifests existed have none: they
are read, and count as unverified.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_TEXT
from promptad_db.storage import files

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

MANIFEST = "manifest.json"
_BLOCK = 1 << 16
_HINT = "promptad-db verify names everything that is damaged, and how to get it back"


class FileHash(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a category: its size in bytes, and the SHA-256 of its bytes in hexadecimal."""

    bytes: Annotated[int, msgspec.Meta(ge=0)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files of a category by their names."""

    format: Literal[1]
    files: dict[str, FileHash]


@dataclass(frozen=True)
class Content:
    """The files of a category in a folder of this machine, as they were found.

    ``fingerprint`` is the hash over the names and bytes of all of them, empty when only some were asked for; ``size`` how
    many bytes were hashed; ``sealed`` says that there is a manifest, and ``problems`` are the files that are not as it
    says, by name, each with what is wrong.
    """

    folder: Path
    fingerprint: str
    size: int
    sealed: bool
    problems: tuple[tuple[str, str], ...] = ()

    def checked(self) -> Content:
        """The same; InputError, which names the first of them, when there are problems."""
        for name, problem in self.problems:
            raise InputError(f"{self.folder / name}: {problem}", _HINT)
        return self


def examine(folder: Path, only: Collection[str] | None = None) -> Content:
    """Hash the files of a category, or ``only`` some, and hold them against the manifest."""
    found = _hashes(folder, only)
    fingerprint = "" if only is not None else _fingerprint(found)
    size = sum(size for size, _ in found.values())
    try:
        manifest = read_manifest(folder)
    except InputError as error:
        problem = error.args[0].removeprefix(f"{folder / MANIFEST}: ")
        return Content(folder, fingerprint, size, sealed=True, problems=((MANIFEST, problem),))
    if manifest is None:
        return Content(folder, fingerprint, size, sealed=False)
    return Content(folder, fingerprint, size, sealed=True, problems=tuple(_differences(found, manifest, only)))


def manifest_bytes(folder: Path) -> bytes:
    """The manifest of the files that are in a folder now."""
    found = {name: FileHash(size, digest.hex()) for name, (size, digest) in _hashes(folder, None).items()}
    return files.json_bytes(msgspec.to_builtins(Manifest(1, found)))


def fingerprint_of(folder: Path) -> str:
    """A hash over the names and bytes of the files of a category; the manifest and hidden files do not count."""
    return _fingerprint(_hashes(folder, None))


def copy_rest(source: Path, target: Path) -> None:
    """Copy the files of a category that another writing of it lacks."""
    for path in source.iterdir():
        if path.is_file() and path.name != MANIFEST and not (target / path.name).exists():
            shutil.copy2(path, target / path.name)


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a category, None when it has none; InputError for one that cannot be read."""
    path = folder / MANIFEST
    files.require_own(path)
    if not path.exists():
        return None
    files.require_file(path, LARGEST_TEXT)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: damaged, no manifest any more ({error})", _HINT) from error


def _differences(
    found: dict[str, tuple[int, bytes]], manifest: Manifest, only: Collection[str] | None
) -> list[tuple[str, str]]:
    """The files that are not as a manifest says, with what is wrong with them, sorted by name."""
    problems = []
    for name, wanted in manifest.files.items():
        if only is not None and name not in only:
            continue
        if name not in found:
            problems.append((name, f"is missing, {MANIFEST} knows it"))
        elif found[name][0] != wanted.bytes:
            problems.append((name, f"damaged: has {found[name][0]:,} bytes, {MANIFEST} says {wanted.bytes:,}"))
        elif found[name][1].hex() != wanted.sha256:
            problems.append((name, f"damaged: its SHA-256 is not the one in {MANIFEST}"))
    problems += [(name, f"is not in {MANIFEST}") for name in found if name not in manifest.files]
    return sorted(problems)


def _hashes(folder: Path, only: Collection[str] | None) -> dict[str, tuple[int, bytes]]:
    """Size and SHA-256 of the files in a folder, sorted by name, without the manifest and hidden files."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            hidden = entry.name == MANIFEST or entry.name.startswith(".")
            if hidden or (only is not None and entry.name not in only):
                continue
            if entry.is_symlink():
                files.require_own(folder / entry.name)
            if entry.is_file(follow_symlinks=False):
                found.append((entry.name, entry.path))
    return {name: _hash(path) for name, path in sorted(found)}


def _hash(path: str) -> tuple[int, bytes]:
    # Most files are small: hashlib.file_digest takes a buffer of 256 KiB and a file object for each, half the time.
    total, size = hashlib.sha256(), 0
    opened = os.open(path, os.O_RDONLY)
    try:
        while block := os.read(opened, _BLOCK):
            total.update(block)
            size += len(block)
    finally:
        os.close(opened)
    return size, total.digest()


def _fingerprint(found: dict[str, tuple[int, bytes]]) -> str:
    total = hashlib.sha256()
    for name, (_, digest) in found.items():
        total.update(os.fsencode(name) + b"\0")
        total.update(digest)
    return total.hexdigest()
