"""The whole way on a machine without data or weights: synthetic images, a tiny CLIP, runs, database."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from promptad_db import run_folder
from promptad_db.datasets.synthetic import CATEGORIES, HELD_OUT, class_name, states, write_dataset
from promptad_db.errors import InputError
from promptad_db.storage import files

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from promptad_db.progress import Callbacks
    from promptad_db.records import Task

DATASET = "synthetic"
EXPERIMENT = "demo"
PROMPTS = "prompts.toml"
PASSES = (
    (("baseline", "memory_only"), (1, 2, 4), tuple(sorted(CATEGORIES))),
    (("spatial_prompts", "vision_guided"), (1,), (*HELD_OUT, "leather", "nut")),
)
RULES = ("max", "mean", "oracle", "gate", "gate-hard")
CALIBRATIONS: dict[Task, str] = {"cls": "rank", "seg": "zscore-normal"}
SECTIONS = ("summary", "k-shot", "worst", "fusion", "variants", "gate", "cost", "compare")


@dataclass(frozen=True)
class DemoPaths:
    """Where a demo lives: its images, its run folders and its database."""

    data: Path
    runs: Path
    database: str | Path

    @classmethod
    def below(cls, folder: Path, runs: Path | None = None, database: str | None = None) -> DemoPaths:
        """Everything below one folder, but for what is given."""
        return cls(folder / "data", runs or folder / "runs", database or folder / "promptad.duckdb")


def export_data(folder: Path, *, seed: int = 0) -> Path:
    """Write the synthetic set and its words for prompts (``prompts.toml``) to a folder that is new, whole or not at all.

    Raises InputError when the folder exists.
    """
    if folder.exists():
        raise InputError(f"{folder}: exists already", "give a new folder, or take this one away")
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = files.temporary_name(folder)
    try:
        write_dataset(temporary, seed=seed)
        (temporary / PROMPTS).write_text(_vocabulary(), encoding="utf-8")
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def demo(
    place: DemoPaths, *, seed: int = 0, categories: tuple[str, ...] | None = None, callbacks: Callbacks | None = None
) -> None:
    """Run PromptAD with the tiny model on the synthetic set, or some categories of it, and fuse the runs by more rules.

    K = 1, 2, 4 and both tasks for the method as published and for its memory branch alone; K = 1 and half of the
    categories for the variants that train several groups of prompts, which takes longer. What an earlier call in the
    same folder has done is kept: an interrupted demo goes on.
    """
    from promptad_db.progress import Callbacks

    callbacks = callbacks or Callbacks()
    if not place.data.is_dir():
        export_data(place.data, seed=seed)
    with _one_thread():
        folders = _run_passes(place, categories, callbacks)
    rules = [rule for rule in RULES if not rule.startswith("gate") or categories is None]
    _fuse_baselines(place, folders, rules, callbacks)


def _run_passes(place: DemoPaths, categories: tuple[str, ...] | None, callbacks: Callbacks) -> list[Path]:
    from promptad_db.runner import Backbone, Request, load_encoder, run

    backbone = Backbone("tiny", device="cpu")
    encoder = load_encoder(backbone)
    folders: list[Path] = []
    for variants, k_shots, usual in PASSES:
        chosen = tuple(name for name in usual if categories is None or name in categories)
        request = Request(
            DATASET, place.data, chosen or categories, k_shots=k_shots, variants=variants, experiment=EXPERIMENT,
            backbone=backbone, prompts=place.data / PROMPTS, resume=True,
        )  # fmt: skip
        folders += run(request, runs=place.runs, db=place.database, callbacks=callbacks, encoder=encoder).folders
    return folders


def _fuse_baselines(place: DemoPaths, folders: list[Path], rules: list[str], callbacks: Callbacks) -> None:
    """Fuse the runs of the method as published, each task in the calibration that suits its scores."""
    from promptad_db.fusing import FuseOptions, fuse_folders, lines_of
    from promptad_db.fusion.recipes import recipes

    infos = {folder: run_folder.read_run(folder) for folder in folders}
    for task, calibration in CALIBRATIONS.items():
        of_task = [folder for folder, info in infos.items() if (info.task, info.variant) == (task, "baseline")]
        fused = fuse_folders(of_task, recipes(rules, calibration), place.database, FuseOptions(), callbacks.progress)
        for line in lines_of(fused.rejected):
            callbacks.note(line)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The matrices of the tiny model are too small to be shared by threads, which then wait for each other."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _vocabulary() -> str:
    """The words of the synthetic categories as a file for --prompts: TOML, whose texts are written as JSON's are."""
    names = "".join(f"{name} = {json.dumps(class_name(name))}\n" for name in CATEGORIES)
    lists = "".join(f"{name} = {json.dumps(list(states(name)))}\n" for name in CATEGORIES)
    head = "# Words for promptad-db run --prompts: how each category is called, and its abnormal states.\n"
    return f"{head}[class_names]\n{names}\n[states]\n{lists}"
