"""The whole way on a machine without data or weights: synthetic images, a tiny CLIP, runs, database."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from promptad_db import files
from promptad_db.datasets.synthetic import CATEGORIES, class_name, states, write_dataset
from promptad_db.errors import InputError

if TYPE_CHECKING:
    from promptad_db.runner import Listener, Outcome

DATASET = "synthetic"
EXPERIMENT = "demo"
PROMPTS = "prompts.toml"
K_SHOTS = (1, 2, 4)
SECTIONS = ("summary", "k-shot", "worst", "fusion", "compare")


@dataclass(frozen=True)
class Place:
    """Where a demo lives: its images, its run folders and its database file."""

    data: Path
    runs: Path
    database: Path

    @classmethod
    def below(cls, folder: Path, runs: str | None = None, database: str | None = None) -> Place:
        """Everything below one folder, but for what is given."""
        return cls(folder / "data", Path(runs or folder / "runs"), Path(database or folder / "promptad.duckdb"))


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
    place: Place, *, seed: int = 0, categories: tuple[str, ...] | None = None, listener: Listener | None = None
) -> Outcome:
    """Run PromptAD with the tiny model on the synthetic set, or some categories of it: K = 1, 2, 4, both tasks.

    What an earlier call in the same folder has done is kept, so an interrupted demo goes on.
    """
    from promptad_db.runner import Backbone, Request, run

    data = place.data if place.data.is_dir() else export_data(place.data, seed=seed)
    request = Request(
        DATASET,
        data,
        categories,
        k_shots=K_SHOTS,
        experiment=EXPERIMENT,
        backbone=Backbone("tiny", device="cpu"),
        prompts=data / PROMPTS,
        resume=True,
    )
    return run(request, runs=place.runs, db=place.database, listener=listener)


def _vocabulary() -> str:
    """The words of the synthetic categories as a file for --prompts: TOML, whose texts are written as JSON's are."""
    names = "".join(f"{name} = {json.dumps(class_name(name))}\n" for name in CATEGORIES)
    lists = "".join(f"{name} = {json.dumps(list(states(name)))}\n" for name in CATEGORIES)
    head = "# Words for promptad-db run --prompts: how each category is called, and its abnormal states.\n"
    return f"{head}[class_names]\n{names}\n[states]\n{lists}"
