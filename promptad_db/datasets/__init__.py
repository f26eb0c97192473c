"""The datasets of the field: their categories, how images and masks lie on disk, and how K shots are drawn."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from promptad_db.datasets.dataset import Category, Dataset
    from promptad_db.datasets.layout import LabelledImage
    from promptad_db.datasets.opening import open_dataset

__all__ = ["Category", "Dataset", "LabelledImage", "open_dataset"]

_HOMES = {
    "Category": "promptad_db.datasets.dataset",
    "Dataset": "promptad_db.datasets.dataset",
    "LabelledImage": "promptad_db.datasets.layout",
    "open_dataset": "promptad_db.datasets.opening",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'promptad_db.datasets' has no attribute {name!r}")
