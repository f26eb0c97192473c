"""Run folders with numbers that a test chooses: reported AUROCs, timings, and what a gate picked."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from promptad_db import run_folder
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Metric, RunInfo

TIMINGS = {
    "encode": 1.0,
    "encode_semantic": 0.25,
    "text": 0.2,
    "memory": 0.4,
    "fuse": 0.05,
    "train": 9.0,
    "render": 7.0,
}


class Laboratory:
    """Writes runs, each a minute after the one before."""

    def __init__(self) -> None:
        self.minutes = 0

    def run(self, categories, *, timings=None, images=10, shares=None, precision=0.0, **fields):
        """{category: {branch: AUROC or None}}, {stage: seconds}, {gate: share of the semantic branch}; the folder."""
        self.minutes += 1
        fields = {
            "experiment": "e", "method": "m", "variant": "baseline", "task": "seg", "dataset": "mvtec", "k_shot": 1,
            "seed": 111, "status": "finished", "created_at": f"2026-01-01T00:{self.minutes:02}:00+00:00", **fields,
        }  # fmt: skip
        names = {name: fields[name] for name in ("dataset", "k_shot", "seed", "task")}
        run_id = run_folder.new_run_id(fields["created_at"], **names, suffix=f"{self.minutes:08x}")
        folder = run_folder.create_run(Path("runs"), RunInfo(run_id=run_id, **fields))
        level = LEVEL_OF_TASK[fields["task"]]
        for category, aurocs in categories.items():
            numbers = [(branch, "auroc", value) for branch, value in aurocs.items()]
            numbers += [(gate, "semantic_share", share) for gate, share in (shares or {}).items()]
            metrics = [
                Metric(level, branch, metric, value, "reported", precision, note=None if value is not None else "none")
                for branch, metric, value in numbers
            ]
            result = CategoryResult(category, metrics=metrics, timings=timings or {})
            result.images = [f"{index:03}.png" for index in range(images)]
            result.scores = {"memory": np.arange(float(images))} if images else {}
            run_folder.write_category(folder, result)
        return folder


def both(semantic, memory, **more):
    """The AUROCs of both branches, and of max a point above the better one."""
    return {"semantic": semantic, "memory": memory, "max": max(semantic, memory) + 0.01, **more}
