"""The marker of a category on a store: the small object that is written last, and says which files are the category.

    <category>/complete.json             {"folder": "v-…", "fingerprint": "…", "files": {"images.parquet": 1234, ...}}
    <category>/v-…/images.parquet, ...

A store has no rename. So every writing of a category goes to a folder of its own, and the marker, which a store replaces
whole, turns from the old one to the new. A folder that was copied from a store to this machine is read in the same way.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from promptad_db.errors import InputError
from promptad_db.storage import files

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


def marker_in(category: Path) -> Marker | None:
    """The marker of a category on this machine; None where it needs none, since it was not copied from a store."""
    path = category / MARKER
    files.require_own(path)
    return marker_of(path, files.read_json(path)) if path.is_file() else None


def content_folder(category: Path) -> Path:
    """The folder with the files of a category on this machine."""
    marker = marker_in(category)
    if marker is None:
        return category
    content = category / marker.folder
    files.require_own(content)
    if not content.is_dir():
        raise InputError(
            f"{category / MARKER}: tells of a folder {content.name}, which is not there", "copy the whole category"
        )
    return content
