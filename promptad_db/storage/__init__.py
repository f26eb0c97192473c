"""Where run folders and data sets are: on this machine, or on a store that fsspec reaches."""

from promptad_db.storage.addresses import folder_at, is_remote, reaching

__all__ = ["folder_at", "is_remote", "reaching"]
