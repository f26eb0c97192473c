"""What stores are asked for: objects, whole, and what there is below an address."""

from __future__ import annotations

import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from promptad_db.errors import InputError
from promptad_db.storage.addresses import driver_of, is_remote
from promptad_db.storage.driver_errors import reaching

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_Item = TypeVar("_Item")
_Answer = TypeVar("_Answer")

_WITH_FOLDERS = ("sftp", "ssh")
_AT_A_TIME = 8


def read_object(path: Path, largest: int) -> bytes:
    """The bytes of an object of at most ``largest`` bytes; InputError for one that is larger, OSError for none."""
    fs = driver_of(path)
    with reaching(path):
        size = fs.info(path.path)["size"]  # type: ignore[attr-defined]
        if (size or 0) > largest:
            raise InputError(f"{path}: larger than {largest >> 20} MiB, too large to be read")
        content: bytes = fs.cat_file(path.path)  # type: ignore[attr-defined]
    return content


def write_object(path: Path, content: bytes) -> None:
    """Write an object that is there whole or not at all.

    An object store shows an object when all of it has come; a server with folders is given a hidden file to rename.
    """
    fs = driver_of(path)
    with reaching(path):
        if not has_folders(path):
            fs.pipe_file(path.path, content)  # type: ignore[attr-defined]
            return
        temporary = path.with_name(f".{path.name}.tmp-{secrets.token_hex(6)}")
        fs.makedirs(path.parent.path, exist_ok=True)  # type: ignore[attr-defined]
        fs.pipe_file(temporary.path, content)  # type: ignore[attr-defined]
        fs.mv(temporary.path, path.path)  # type: ignore[attr-defined]


def has_folders(path: Path) -> bool:
    """Whether the store of a path has real folders, and renames files, as SFTP servers do."""
    return path.protocol in _WITH_FOLDERS  # type: ignore[attr-defined]


def each(where: Path, work: Callable[[_Item], _Answer], items: Iterable[_Item]) -> list[_Answer]:
    """The answers to several requests at a place, some of them at a time where its driver can."""
    if not is_remote(where) or not (driver_of(where).async_impl or has_folders(where)):
        return [work(item) for item in items]
    with reaching(where), ThreadPoolExecutor(_AT_A_TIME) as pool:
        return list(pool.map(work, items))


def subfolders(folder: Path) -> list[Path]:
    """The folders in a folder, sorted by name, without hidden ones; none where there is no folder."""
    return [folder / name for name, is_folder in _entries(folder) if is_folder and not name.startswith(".")]


def files_in(folder: Path, suffix: str) -> list[Path]:
    """The files in a folder whose names end so, sorted by name, without hidden ones; none where there is no folder."""
    names = [name for name, is_folder in _entries(folder) if not is_folder and name.endswith(suffix)]
    return [folder / name for name in names if not name.startswith(".")]


def _entries(folder: Path) -> list[tuple[str, bool]]:
    """The names in a folder, sorted, and whether each is of a folder."""
    try:
        if not is_remote(folder):
            with os.scandir(folder) as entries:
                return sorted((entry.name, entry.is_dir()) for entry in entries)
        with reaching(folder):
            found = folder.fs.ls(folder.path, detail=True)  # type: ignore[attr-defined]
    except (FileNotFoundError, NotADirectoryError):
        return []
    return sorted((info["name"].rstrip("/").rpartition("/")[2], info["type"] == "directory") for info in found)
