"""Which runs of a sweep exist already, by their run.json, without loading the model."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from promptad_db import run_folder
from promptad_db.errors import InputError
from promptad_db.records import RunInfo, Setting
from promptad_db.storage.files import sha256_of
from promptad_db.sweeps.grid import CellKey

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptad_db.sweeps.grid import Grid

_NOT_RECORDED = ("feature_cache",)
_OF_TEXT = ("epochs", "selection", "temperature", "prompts")
_MARK = re.compile(r"-k(\d+)-s(\d+)-(cls|seg)-")


@dataclass(frozen=True)
class Group:
    """One category of a dataset, with all settings: what a worker does at a time. ``images`` are its test images."""

    dataset: str
    category: str
    images: int

    def cells(self, grid: Grid) -> list[CellKey]:
        """Its cells in a grid."""
        return [CellKey(self.dataset, self.category, setting) for setting in grid.settings()]


def groups_of(grid: Grid) -> list[Group]:
    """The groups of a grid, in the order in which they are done."""
    return [
        Group(name, category, len(dataset.category(category, verify=False).test))
        for name, (dataset, categories) in grid.datasets().items()
        for category in categories
    ]


def existing_folders(grid: Grid, root: Path) -> dict[tuple[str, Setting], Path]:
    """The newest run folder below ``root`` for each dataset and setting of the grid that has one.

    What only the loaded model knows (the hash of its weights, its own temperature, the default precision) is not
    compared; the workers compare it before they go on with a run.
    """
    settings = set(grid.settings())
    options = _options_of_grid(grid)
    folders: dict[tuple[str, Setting], Path] = {}
    for folder in _folders_like(settings, root):
        try:
            info = run_folder.read_run(folder)
        except InputError:
            continue
        if info.seed is None or info.dataset not in grid.data_roots:
            continue
        setting = Setting(info.task, info.k_shot, info.seed, info.variant)
        if setting in settings and _fits(info, setting, options):
            folders.setdefault((info.dataset, setting), folder)
    return folders


def done_cells(folders: dict[tuple[str, Setting], Path]) -> set[CellKey]:
    """The cells that these run folders hold, whole."""
    return {
        CellKey(dataset, category, setting)
        for (dataset, setting), folder in folders.items()
        for category in run_folder.list_categories(folder)
    }


def _folders_like(settings: set[Setting], root: Path) -> Iterator[Path]:
    """Run folders whose names fit, the newest first."""
    marks = {(str(one.k_shot), str(one.seed), str(one.task)) for one in settings}
    for folder in reversed(run_folder.find_runs(root)):
        if any(mark in marks for mark in _MARK.findall(folder.name)):
            yield folder


def _options_of_grid(grid: Grid) -> dict[str, Any]:
    """What all runs of the grid have in common, as ``_options_of_run``; what is left to the model is left out."""
    options = {name: value for name, value in grid.options.items() if value is not None and name not in _NOT_RECORDED}
    if "memory_layers" in options:
        options["memory_layers"] = list(options["memory_layers"])
    options["prompts"] = sha256_of(options["prompts"]) if "prompts" in options else "published"
    options["shots_file"] = str(options.get("shots_file", "seed"))
    return {**options, "experiment": grid.experiment, "from_run": None}


def _options_of_run(info: RunInfo) -> dict[str, Any]:
    """What a run says of itself, by the names of the options."""
    config = info.config
    training = config.get("training")
    return {
        **{name: config.get(name) for name in ("temperature", "memory_tap", "precision", "batch_size", "prompts")},
        "memory_layers": config.get("memory_layers"),
        "from_run": config.get("from_run"),
        "shots_file": config.get("shots_from"),
        "epochs": training.get("epochs") if isinstance(training, dict) else None,
        "experiment": info.experiment,
        "method": info.method,
        "model": info.model.get("name"),
        "pretrained": info.model.get("pretrained"),
        "image_score": info.image_score,
        "selection": info.selection,
        "resolution": info.render.height if info.render else None,
    }


def _fits(info: RunInfo, setting: Setting, options: dict[str, Any]) -> bool:
    recorded = _options_of_run(info)
    without = () if setting.semantic else _OF_TEXT
    return all(recorded.get(name) == value for name, value in options.items() if name not in without)
