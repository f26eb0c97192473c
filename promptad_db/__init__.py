"""promptad-db: exact numbers for two-branch few-shot anomaly detection, and where each of them came from.

``start_run`` logs a run, ``ingest`` imports existing results, ``fuse`` makes new branches of stored scores; ``report``,
``compare``, ``audit``, ``check`` and ``plot`` ask the known questions of the runs that ``Filters`` choose, and
``open_db`` takes any SQL. The names are lazy: importing the package loads neither a database nor numbers.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptad_db.db import open_db
    from promptad_db.db.queries.audit import audit
    from promptad_db.db.queries.check import check
    from promptad_db.db.queries.compare import compare
    from promptad_db.db.queries.reports import report
    from promptad_db.db.queries.selection import Filters
    from promptad_db.fusing.fuse import fuse
    from promptad_db.ingestion.ingest import ingest
    from promptad_db.page import plot
    from promptad_db.records import Render
    from promptad_db.tracking import start_run

__all__ = [
    "Filters", "Render", "audit", "check", "compare", "fuse", "ingest", "open_db", "plot", "report", "start_run",
]  # fmt: skip

# No folder or module here may be called like one of these: importing it would bind it over the name.
_HOMES = {
    "Filters": "promptad_db.db.queries.selection",
    "Render": "promptad_db.records",
    "audit": "promptad_db.db.queries.audit",
    "check": "promptad_db.db.queries.check",
    "compare": "promptad_db.db.queries.compare",
    "fuse": "promptad_db.fusing",
    "ingest": "promptad_db.ingestion",
    "open_db": "promptad_db.db",
    "plot": "promptad_db.page",
    "report": "promptad_db.db.queries.reports",
    "start_run": "promptad_db.tracking",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("promptad-db")
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'promptad_db' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
