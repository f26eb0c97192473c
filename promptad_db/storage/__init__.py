"""Where run folders and datasets are: on this machine, or on a store that fsspec reaches."""

from promptad_db.storage.addresses import driver_of, folder_at, is_remote, lock_place, modified_at
from promptad_db.storage.driver_errors import reaching
from promptad_db.storage.objects import each, files_in, has_folders, read_object, subfolders, write_object

__all__ = [
    "driver_of", "each", "files_in", "folder_at", "has_folders", "is_remote", "lock_place", "modified_at", "reaching", "read_object", "subfolders", "write_object",
]  # fmt: skip
