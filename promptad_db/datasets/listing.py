"""What the folders of a dataset hold, on this machine or on a store.

A store is asked once for each folder, until the dataset is opened again: a run sees its data as they were when it
began, and knows names and sizes without a request a file.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any, NamedTuple

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_PICTURE
from promptad_db.storage import driver_of, is_remote, reaching

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_MISSING = (FileNotFoundError, NotADirectoryError)
_LARGEST_FILE = 8 * LARGEST_PICTURE  # 16 bit in four channels, not compressed
_KNOWN: dict[Path, dict[str, Entry]] = {}


class Entry(NamedTuple):
    """What a folder holds: a file, or a folder in it. ``size`` is in bytes, and not told on this machine."""

    name: str
    is_folder: bool
    size: int = -1


def entries(folder: Path) -> Iterable[Entry]:
    """What a folder holds, in the order in which it is told; OSError when it cannot be listed."""
    if is_remote(folder):
        return _on_store(folder).values()
    with os.scandir(folder) as found:
        return [Entry(entry.name, _leads_to_folder(entry)) for entry in found]


def is_folder(path: Path) -> bool:
    """Whether there is such a folder; OSError when that cannot be told, as without credentials."""
    if not is_remote(path):
        return path.is_dir()
    try:
        if path.parent in _KNOWN and path.parent != path:
            entry = _on_store(path.parent).get(path.name)
            return entry is not None and entry.is_folder
        _on_store(path)
    except _MISSING:
        return False
    return True


def is_file(path: Path) -> bool:
    """Whether there is such a file; OSError when that cannot be told."""
    if not is_remote(path):
        return path.is_file()
    entry = _entry(path)
    return entry is not None and not entry.is_folder


def size_of(path: Path) -> int:
    """The bytes of a file; OSError when there is none."""
    if not is_remote(path):
        return path.stat().st_size
    entry = _entry(path)
    if entry is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return entry.size


def read_bytes(path: Path) -> bytes:
    """The bytes of an image file, from a store in one request; OSError when there are none, InputError for too many."""
    size = size_of(path)
    if size > _LARGEST_FILE:
        raise InputError(f"{path}: larger than {_LARGEST_FILE >> 20} MiB, too large to be read")
    if not is_remote(path):
        return path.read_bytes()
    stored: Any = path
    with reaching(path):  # of a file without an end s3fs would ask how large it is
        content: bytes = stored.fs.cat_file(stored.path, start=0, end=size) if size else b""
    return content


def look_again(root: Path) -> None:
    """Forget what was known of the folders below a root on a store."""
    if is_remote(root):
        driver_of(root).invalidate_cache()
        for folder in [one for one in _KNOWN if one.is_relative_to(root)]:
            _KNOWN.pop(folder, None)


def _leads_to_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link in a circle
        return False


def _entry(path: Path) -> Entry | None:
    try:
        return _on_store(path.parent).get(path.name)
    except _MISSING:
        return None


def _on_store(folder: Path) -> dict[str, Entry]:
    if folder not in _KNOWN:
        stored: Any = folder
        with reaching(folder):
            told = stored.fs.ls(stored.path, detail=True)
            own = stored.path.strip("/")
            if [info["name"].lstrip("/") for info in told if info["type"] == "file"] == [own] and len(told) == 1:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(folder))
            # An object store may mark a folder by an object of its name, and has names that no path can have.
            found = [_entry_of(stored.fs, info) for info in told if info["name"].strip("/") != own]
        _KNOWN[folder] = {entry.name: entry for entry in found if entry.name not in {"", ".", ".."}}
    return _KNOWN[folder]


def _entry_of(fs: Any, info: dict[str, Any]) -> Entry:
    name = info["name"].rstrip("/")
    if info["type"] == "link":  # an SFTP server tells of the link, not of what it leads to
        info = fs.info(name) if fs.exists(name) else info
    return Entry(name.rpartition("/")[2], info["type"] == "directory", info["size"] or 0)
