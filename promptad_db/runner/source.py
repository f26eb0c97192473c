"""The run whose saved prompts and galleries are evaluated on other data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from promptad_db.model.clip import ClipEncoder

Weights = dict[str, "NDArray[Any]"]


def saved_weights(folder: Path, categories: Sequence[str], encoder: ClipEncoder) -> dict[str, Weights]:
    """What a run learned, by category: ``gallery_1`` and ``gallery_2`` [K, P, W], and ``prototypes`` [2, D].

    Raises InputError when the run has no weights of a category, or was made with other weights of the backbone or
    another reading of it.
    """
    info = run_folder.read_run(folder)
    here = {
        "backbone": encoder.name,
        "weights_sha256": encoder.weights_sha256,
        "memory_tap": encoder.memory_tap,
        "memory_layers": list(encoder.memory_layers),
    }
    there = {
        "backbone": info.model.get("name"),
        "weights_sha256": info.model.get("weights_sha256"),
        "memory_tap": info.config.get("memory_tap"),
        "memory_layers": info.config.get("memory_layers"),
    }
    for name, value in here.items():
        if there[name] != value:
            raise InputError(
                f"{folder}: was made with {name} {there[name]}, not {value}",
                "give the --model and --pretrained of that run",
            )
    found = run_folder.list_categories(folder)
    for category in categories:
        if category not in found:
            raise InputError(
                f"{folder}: has no category {category!r}", f"use --category with some of {', '.join(found)}"
            )
    return {category: _checked(folder, category, encoder) for category in categories}


def _checked(folder: Path, category: str, encoder: ClipEncoder) -> Weights:
    weights = run_folder.read_category_weights(folder, category)
    shape = (math.prod(encoder.grid), int(encoder.model.visual.class_embedding.shape[0]))
    for name in ("gallery_1", "gallery_2"):
        array = weights.get(name)
        if array is None or array.shape[1:] != shape or array.dtype.kind != "f" or not array.size:
            raise InputError(f"{folder}: {category} has no {name} that fits {encoder.name}")
    return weights
