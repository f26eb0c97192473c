"""A small world for the tests of the web app: runs with maps, images on disk, hostile names, a run that still runs."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - a NamedTuple looks its types up
from typing import NamedTuple

import numpy as np

from promptad_db import run_folder, start_run
from promptad_db.records import CategoryResult, Metric, RunInfo

HOSTILE = "<script>alert(1)</script>"
IMAGES = 8


class World(NamedTuple):
    """A database, its run folders, the images, and the ids of its runs."""

    database: Path
    runs: Path
    data: Path
    first: str
    second: str
    image_level: str
    running: str


def make_world(folder: Path) -> World:
    """Two seg runs (the second of another variant), a cls run, and one that is running, which no database knows."""
    database, runs, data = folder / "promptad.duckdb", folder / "runs", folder / "data"
    _write_images(data / "mvtec" / "carpet")
    ids = [
        _log(database, runs, data, seed=seed, task=task, variant=variant)
        for seed, task, variant in ((1, "seg", "baseline"), (2, "seg", "spatial_prompts"), (3, "cls", "baseline"))
    ]
    return World(database, runs, data, *ids, _running(runs))


def _log(database, runs, data, *, seed, task, variant):
    random = np.random.default_rng(seed)
    masks = np.zeros((IMAGES, 48, 48), dtype=bool)
    masks[4:, 10:30, 8:24] = True
    with start_run(
        dataset="mvtec", task=task, k_shot=1, seed=111, method="m", variant=variant, experiment="first",
        tags=("x", HOSTILE), source={"kind": "run", "data_root": str(data)}, runs=runs, db=database,
    ) as run:  # fmt: skip
        for category in ("carpet", HOSTILE):
            maps = {name: random.random((IMAGES, 6, 6), dtype=np.float32) for name in ("semantic", "memory")}
            for values in maps.values():
                values[4:, 1:4, 1:3] += 0.7
            truth = {"masks": masks} if task == "seg" else {"labels": [0] * 4 + [1] * 4}
            branches = maps if task == "seg" else {name: values.max(axis=(1, 2)) for name, values in maps.items()}
            kinds = [name.split("/")[0] for name in names()]
            run.log_category(category, images=names(), branches=branches, defect_types=kinds, **truth)
    return run.run_id


def names():
    """The names of the test images, the normal ones first."""
    return [f"{'good' if index < 4 else 'hole'}/{index:03}.png" for index in range(IMAGES)]


def _running(runs):
    created_at = run_folder.now()
    run_id = run_folder.new_run_id(created_at, dataset="mvtec", k_shot=2, seed=5, task="seg", suffix="0a0b0c0d")
    config = {"shots": {"carpet": [], "tile": [], "wood": []}}
    info = RunInfo(run_id, HOSTILE, "m", "baseline", "seg", "mvtec", 2, 5, created_at, config=config)
    folder = run_folder.create_run(runs, info)
    grow(folder, "carpet")
    return run_id


def grow(folder, category):
    """Finish one more category of a run."""
    metrics = [Metric("pixel", branch, "auroc", 0.75, "reported") for branch in ("semantic", "memory")]
    run_folder.write_category(folder, CategoryResult(category, metrics=metrics))


def _write_images(category: Path) -> None:
    from PIL import Image

    random = np.random.default_rng(0)
    for name in (*(f"test/{name}" for name in names()), "train/good/000.png"):
        path = category / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (48, 48, 3), dtype=np.uint8)).save(path)
