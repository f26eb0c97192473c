"""Addresses of folders: a path on this machine, or an fsspec address such as ``s3://bucket/runs``."""

from __future__ import annotations

import hashlib
import os
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from promptad_db.errors import UsageError
from promptad_db.storage.driver_errors import reaching

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_PASSWORD = re.compile(r"(://[^/:@]*):[^/]*@")
_ON_THIS_MACHINE = ("file", "local")
# What goes wrong is said when it is raised, not in a log as well.
_TALKING = ("aiobotocore", "botocore", "fsspec", "gcsfs", "google", "paramiko", "s3fs")
# Other processes write what a store lists, so no listing of a run folder may be kept.
_KEEPING_LISTINGS = ("s3", "s3a", "gs", "gcs")
_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "sftp": "sftp", "ssh": "sftp"}


def folder_at(address: str | os.PathLike[str]) -> Path:
    """The folder at a path or an address, which nobody is asked about; ``str`` of it is the address again.

    A folder of a store is a ``UPath``: it has the methods of a ``Path`` without being one, and stands in its place
    wherever folders are handed on. Raises UsageError for an address of an unknown kind, or whose driver is not
    installed.
    """
    if is_remote(address):
        return cast("Path", address)
    text = os.fspath(address)
    scheme = _SCHEME.match(text)
    if scheme is None:
        return Path(text)
    if scheme[1].lower() in _ON_THIS_MACHINE:
        return Path(text[scheme.end() :])
    kind = scheme[1].lower()
    if kind in _EXTRAS and text[scheme.end() :][:1] in {"", "/"}:
        raise UsageError(f"{text}: names no bucket or host", "for example s3://bucket/runs")
    try:
        from fsspec import get_filesystem_class

        options = {"use_listings_cache": False} if kind in _KEEPING_LISTINGS else {}
        folder: Any = _of_stores()(f"{kind}://{text[scheme.end() :].rstrip('/')}", **options)
        get_filesystem_class(kind)  # raises without a driver
    except ImportError as error:
        extra = _EXTRAS.get(kind)
        mend = f"pip install 'promptad-db[{extra}]'" if extra else f"install the fsspec driver of {kind}://"
        raise UsageError(f"{without_password(text)}: addresses of this kind need a driver ({error})", mend) from error
    except ValueError as error:
        raise UsageError(
            f"{without_password(text)}: not an address that fsspec knows", "for example s3://bucket/runs"
        ) from error
    return cast("Path", folder)


def without_password(address: str) -> str:
    """An address as it may be shown and kept: without the password that it may hold."""
    return _PASSWORD.sub(r"\1@", address)


def is_remote(folder: object) -> bool:
    """Whether a folder is on a store, not on this machine."""
    return hasattr(type(folder), "fs")  # asked of the type, as the attribute itself calls the driver


def driver_of(path: Path) -> Any:
    """The fsspec file system of a path on a store; OSError without the credentials that it needs."""
    with reaching(path):
        return path.fs  # type: ignore[attr-defined]


def lock_place(path: Path) -> Path:
    """Where a lock on a path lies: beside it. A store has no locks; one on it keeps apart the processes of this machine."""
    if not is_remote(path):
        return path
    locks = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "promptad-db", "locks")
    locks.mkdir(parents=True, exist_ok=True)
    return locks / hashlib.sha256(str(path).encode()).hexdigest()[:32]


def modified_at(path: Path) -> datetime:
    """When a file or an object was last written."""
    if not is_remote(path):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    with reaching(path):
        time: datetime = path.fs.modified(path.path)  # type: ignore[attr-defined]
    return time


@cache
def _of_stores() -> Any:
    """UPath, whose SFTP addresses are our own where its driver is installed."""
    import logging
    from importlib.util import find_spec

    from upath import UPath

    if find_spec("paramiko") is not None:
        import promptad_db.storage.sftp  # noqa: F401 - makes itself known
    for driver in _TALKING:
        logging.getLogger(driver).addHandler(logging.NullHandler())
    return UPath
