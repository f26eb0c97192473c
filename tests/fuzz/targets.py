"""What is fuzzed: one function a reader, which gets the bytes of a file and a folder to put it in.

A reader may take the file or refuse it with a PromptadError; anything else that it raises is a finding, and so are a
hang and more memory than ``run.py`` allows. What a reader of foreign files takes is also stored as run folders.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db import run_folder
from promptad_db.datasets.images import read_image, read_mask
from promptad_db.datasets.shots import RUNS_FILE, read_shots_file
from promptad_db.datasets.split_csv import TABLE, read_split
from promptad_db.db.index.tickets import read_answer, read_ticket
from promptad_db.errors import PromptadError
from promptad_db.fusion.gate import gate_of_document
from promptad_db.ingestion.readers import (
    ImportOptions,
    anomalib,
    anomalydino,
    gate,
    long_table,
    mvtec_maps,
    official_csv,
    patchcore,
    pipe_tables,
)
from promptad_db.ingestion.readers.store import store
from promptad_db.model.words import load_vocabulary
from promptad_db.records import CategoryResult, Metric, Render, RunInfo
from promptad_db.run_folder.category import read_category_files, read_weights, write_category_files
from promptad_db.run_folder.places.manifest import examine
from promptad_db.storage import files, known_hosts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

RUN_ID = "20240101T000000-mvtec-k1-s111-seg-0badcafe"
DINO = "sweep/results_MVTec/dinov2_448/1-shot_preprocess=agnostic"
CATEGORY_TARGETS = ("images.parquet", "maps.parquet", "masks.parquet", "metrics.json", "timings.json")


@dataclass(frozen=True)
class Target:
    """``call`` reads the file ``name`` (a path below the folder it is given) after it was written there.

    ``kind`` is how its content may be mutated by structure: json, csv, parquet, or bytes alone.
    """

    name: str
    call: Callable[[Path, Path], Any]
    kind: str = "bytes"
    prepare: Callable[[Path], None] = field(default=lambda _folder: None)

    def __call__(self, raw: bytes, folder: Path) -> None:
        """Let the reader take these bytes, or refuse them with an error that can be shown."""
        path = prepared(self, folder) / self.name
        path.write_bytes(raw)
        try:
            self.call(path, folder)
        except PromptadError as error:
            str(error)


@cache
def prepared(target: Target, folder: Path) -> Path:
    """The folder with everything in it that stands around the file of a target."""
    (folder / target.name).parent.mkdir(parents=True, exist_ok=True)
    target.prepare(folder)
    return folder


def sound_category() -> CategoryResult:
    """A small category that has every file."""
    masks = np.zeros((2, 4, 4), dtype=bool)
    masks[1, 1:3, 1:3] = True
    return CategoryResult(
        "carpet",
        images=["good/0.png", "crack/0.png"],
        labels=np.array([0, 1], np.int8),
        defect_types=["good", "crack"],
        scores={"semantic": np.array([0.1, 0.9]), "memory": np.array([0.3, 0.2])},
        maps={branch: np.arange(8, dtype=np.float32).reshape(2, 2, 2) for branch in ("semantic", "memory")},
        masks=masks,
        metrics=[
            Metric("image", "semantic", "auroc", 1.0, "exact", n_pos=1, n_neg=1),
            Metric("image", "max", "auroc", 0.5, "reported", precision=1e-4),
            Metric("image", "oracle", "auroc", None, "reported", note="not run"),
        ],
        timings={"encode": 0.25},
        weights={"prompts": np.ones((2, 3), np.float32)},
    )


def sound_run() -> dict[str, Any]:
    """The content of a run.json that has every field."""
    info = RunInfo(
        RUN_ID, "sweep", "PromptAD", "baseline", "seg", "mvtec", 1, 111, "2024-01-01T00:00:00+00:00",
        finished_at="2024-01-01T01:00:00+00:00", status="finished", model={"name": "ViT-B-16-plus-240"},
        render=Render(240, 240), config={"epochs": 100}, environment={"python": "3.11"}, source={"kind": "gate"},
        tags=("first",), note="a note",
    )  # fmt: skip
    return {"format": run_folder.FORMAT, **asdict(info)}


def _category(folder: Path) -> None:
    write_category_files(folder, sound_category())


def _read_foreign(reader: Any, path: Path, folder: Path) -> None:
    """Read one file as ``promptad-db ingest`` does: recognise, read, store."""
    rejected: list[tuple[Path, str]] = []
    options = ImportOptions(dataset="mvtec", k_shot=1, seed=111)
    if not reader.recognise(path):
        return
    root = folder / "runs"
    try:
        for run in reader.read([path], options, lambda file, reason: rejected.append((file, reason))):
            taken = store(run, root, lambda file, reason: rejected.append((file, reason)), replace_existing=False)
            for category in run_folder.list_categories(taken):
                run_folder.read_category(taken, category)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _foreign(reader: Any) -> Callable[[Path, Path], None]:
    return lambda path, folder: _read_foreign(reader, path, folder)


def _read_map(path: Path, _folder: Path) -> None:
    mvtec_maps._read_map(path, None)


def _read_picture(path: Path, _folder: Path) -> None:
    for read in (read_image, read_mask):
        read(path)


def _read_gate(path: Path, _folder: Path) -> None:
    content = files.read_json(path)
    if isinstance(content, dict):
        json.dumps(gate_of_document(content).document(), allow_nan=False)


def _examine(path: Path, _folder: Path) -> None:
    examine(path.parent).checked()


def _read_ticket(path: Path, _folder: Path) -> None:
    for read in (read_ticket, read_answer):
        try:
            read(path)
        except PromptadError:
            continue


def _known_hosts(path: Path, _folder: Path) -> None:
    for name in ("example.org", "[example.org]:2222"):
        for line in known_hosts._lines(path, name):
            str(line)


def _read_split(path: Path, _folder: Path) -> None:
    read_split(path.parent.parent)


TARGETS: dict[str, Target] = {
    "run": Target(f"{RUN_ID}/run.json", lambda path, _: run_folder.read_run(path.parent), "json"),
    **{
        name.partition(".")[0]: Target(
            name, lambda path, _: read_category_files(path.parent, "carpet"), name.partition(".")[2], _category
        )
        for name in CATEGORY_TARGETS
    },
    "manifest": Target("manifest.json", _examine, "json", _category),
    "ticket": Target("1.ticket.json", _read_ticket, "json"),
    "known_hosts": Target("known_hosts", _known_hosts),
    "weights": Target("weights.safetensors", lambda path, _: read_weights(path)),
    "gate": Target("gate.json", _read_gate, "json"),
    "gate_results": Target("mvtec/k_1/gate_results/carpet_seed111_cls.json", _foreign(gate), "json"),
    "gate_scores": Target("mvtec/k_1/metadata/cls/carpet_seed111_max.json", _foreign(gate), "json"),
    "gate_table": Target("full_results.csv", _foreign(gate), "csv"),
    "official": Target("mvtec/k_1/csv/Seed_111-results.csv", _foreign(official_csv), "csv"),
    "anomalydino": Target(f"{DINO}/metrics_seed=1.json", _foreign(anomalydino), "json"),
    "anomalydino_times": Target(f"{DINO}/time_measurements.csv", _foreign(anomalydino), "csv"),
    "anomalib": Target("results.csv", _foreign(anomalib), "csv"),
    "patchcore": Target("results.csv", _foreign(patchcore), "csv"),
    "pipe_table": Target("log.txt", _foreign(pipe_tables)),
    "long_csv": Target("scores.csv", _foreign(long_table), "csv"),
    "long_parquet": Target("scores.parquet", _foreign(long_table), "parquet"),
    "tiff": Target("000.tiff", _read_map),
    "picture": Target("000.png", _read_picture),
    "split": Target(str(TABLE), _read_split, "csv"),
    "shots_json": Target("shots.json", lambda path, _: read_shots_file(path), "json"),
    "shots_runs": Target(f"carpet/{RUNS_FILE}", lambda path, _: read_shots_file(path.parent.parent)),
    "prompts": Target("prompts.toml", lambda path, _: load_vocabulary(path)),
}
