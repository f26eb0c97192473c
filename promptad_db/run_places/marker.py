"""The marker of a category on a store: the small object that is written last, and says which files are the category.

    <category>/complete.json             {"folder": "v-…", "fingerprint": "…", "files": {"images.parquet": 1234, ...}}
    <category>/v-…/images.parquet, ...

A store has no rename. So every writing of a category goes to a folder of its own, and the marker, which a store replaces
whole, turns from the old one to the new. A folder that was copied from a store to this machine is read in the same way.
"""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from promptad_db import files
from promptad_db.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

MARKER = "complete.json"
_VERSION = re.compile(r"v-[0-9a-f]{12}")
_HASH = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[^./\\\0][^/\\\0]*")


@dataclass(frozen=True)
class Marker:
    """The ``folder`` below the category that holds its files, the ``fingerprint`` of these, and how many bytes each has."""

    folder: str
    fingerprint: str
    files: dict[str, int]

    def content(self) -> bytes:
        """The marker as JSON."""
        return files.json_bytes(asdict(self))


def new_version() -> str:
    """A name for the folder of one writing of a category."""
    return f"v-{secrets.token_hex(6)}"


def marker_of(path: Path, content: Any) -> Marker:
    """The marker that the JSON of a file or an object is; InputError, which names ``path``, for what is none."""
    try:
        marker = Marker(content["folder"], content["fingerprint"], dict(content["files"]))
        if not (
            _VERSION.fullmatch(marker.folder)
            and _HASH.fullmatch(marker.fingerprint)
            and all(_FILE.fullmatch(name) and type(size) is int and size >= 0 for name, size in marker.files.items())
        ):
            raise ValueError  # noqa: TRY301 - as wrong as what has no such fields
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not the marker of a category") from error
    return marker


def content_folder(category: Path) -> Path:
    """The folder with the files of a category on this machine."""
    marker = category / MARKER
    if not marker.is_file():
        return category
    files.require_own(marker)
    content = category / marker_of(marker, files.read_json(marker)).folder
    files.require_own(content)
    if not content.is_dir():
        raise InputError(f"{marker}: tells of a folder {content.name}, which is not there", "copy the whole category")
    return content


def fingerprint_of(folder: Path) -> str:
    """A hash over names and bytes of the files in a folder of this machine."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_file(follow_symlinks=False))
    return files.sha256_of(*(folder / name for name in names))
