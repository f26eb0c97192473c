"""Where a run folder is: a folder of this machine, or addresses of a store. Both keep a category whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from promptad_db.run_folder.places.lock import changing
from promptad_db.run_folder.places.manifest import Content
from promptad_db.run_folder.places.on_disk import RunOnDisk
from promptad_db.run_folder.places.on_store import RunOnStore
from promptad_db.run_folder.places.run_storage import RUN_FILE
from promptad_db.storage import is_remote

if TYPE_CHECKING:
    from pathlib import Path

    from promptad_db.run_folder.places.run_storage import RunStorage

__all__ = ["RUN_FILE", "Content", "changing", "storage_of"]


def storage_of(folder: Path) -> RunStorage:
    """The place of a run folder."""
    return RunOnStore(folder) if is_remote(folder) else RunOnDisk(folder)
