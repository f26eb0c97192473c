"""The run whose saved prompts and galleries are evaluated on other data."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.datasets import open_dataset
from promptad_db.datasets.overlap import support_in_test
from promptad_db.errors import InputError
from promptad_db.storage import folder_at

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from promptad_db.datasets import Category
    from promptad_db.model.clip import ClipEncoder
    from promptad_db.records import RunInfo

Weights = dict[str, "NDArray[Any]"]

_KEPT = ("contexts", "temperature", "prompts", "shots_from")


def saved_weights(folder: Path, categories: Sequence[str], encoder: ClipEncoder) -> dict[str, Weights]:
    """What a run learned, by category: ``gallery_1`` and ``gallery_2`` [K, P, W], and ``prototypes`` [2, D].

    Raises InputError when the run has no weights of a category, or was made with other weights of the backbone or
    another reading of it.
    """
    info = run_folder.read_run(folder)
    stored = {"model": info.model.get("name"), "weights_sha256": info.model.get("weights_sha256"), **info.config}
    for name, value in (
        ("model", encoder.name),
        ("precision", encoder.precision),
        ("weights_sha256", encoder.weights_sha256),
        ("memory_tap", encoder.memory_tap),
        ("memory_layers", list(encoder.memory_layers)),
    ):
        if stored.get(name) != value:
            flag = "pretrained" if name == "weights_sha256" else name.replace("_", "-")
            raise InputError(
                f"{folder}: was made with {name} {stored.get(name)}, not {value}", f"give the --{flag} of that run"
            )
    finished = run_folder.list_categories(folder)
    for category in categories:
        if category not in finished:
            raise InputError(
                f"{folder}: has no category {category!r}", f"use --category with some of {', '.join(finished)}"
            )
    return {category: _checked(folder, category, encoder) for category in categories}


def config_of_source(source: RunInfo, categories: Iterable[str]) -> dict[str, Any]:
    """What the config of a run says that evaluates what another one learned in these categories."""
    kept = {name: source.config.get(name) for name in _KEPT}
    by_category = {name: _of_categories(source.config.get(name), categories) for name in ("shots", "learned")}
    return {**kept, **by_category, "from_run": source.run_id}


def source_shots_in_test(source: RunInfo, categories: Sequence[Category]) -> dict[str, frozenset[str]]:
    """The names of test images, by category, that are support images of the run by content.

    Raises InputError when the images that the run learned from are not where they were.
    """
    shots = _of_categories(source.config.get("shots"), [one.name for one in categories])
    dataset = open_dataset(source.dataset, folder_at(str(source.source.get("data_root"))))
    same: dict[str, frozenset[str]] = {}
    for category in categories:
        train = dataset.category(category.name, verify=False).train
        support = [image for image in train if image.name in shots.get(category.name, ())]
        if len(support) < source.k_shot:
            raise InputError(f"{category.name}: {source.k_shot - len(support)} support images are missing")
        if names := support_in_test(support, category.test):
            same[category.name] = frozenset(names)
    return same


def _of_categories(stored: Any, categories: Iterable[str]) -> dict[str, Any]:
    """The entries of some categories, of an object that a run.json may hold."""
    return {name: stored[name] for name in categories if name in stored} if isinstance(stored, dict) else {}


def _checked(folder: Path, category: str, encoder: ClipEncoder) -> Weights:
    weights = run_folder.read_category_weights(folder, category)
    shape = (math.prod(encoder.grid), int(encoder.model.visual.class_embedding.shape[0]))
    for name in ("gallery_1", "gallery_2"):
        array = weights.get(name)
        if array is None or array.shape[1:] != shape or array.dtype.kind != "f" or not array.size:
            raise InputError(f"{folder}: {category} has no {name} that fits {encoder.name}")
    return weights
