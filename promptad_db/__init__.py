"""promptad-db: exact numbers for two-branch few-shot anomaly detection, and where each of them came from."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptad_db.db import open_db
    from promptad_db.db.queries.check import check
    from promptad_db.fusing.fuse import fuse
    from promptad_db.ingestion.ingest import ingest
    from promptad_db.records import Render
    from promptad_db.tracking import start_run

__all__ = ["Render", "check", "fuse", "ingest", "open_db", "start_run"]

_HOMES = {
    "Render": "promptad_db.records",
    "check": "promptad_db.db.queries.check",
    "fuse": "promptad_db.fusing",
    "ingest": "promptad_db.ingestion",
    "open_db": "promptad_db.db",
    "start_run": "promptad_db.tracking",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("promptad-db")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'promptad_db' has no attribute {name!r}")
