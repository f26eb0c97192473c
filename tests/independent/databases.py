"""Random databases: runs that repeat, contradict and miss each other, some with scores, some with reported numbers alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from independent.logged import Tables, keep
from promptad_db import ingest, run_folder
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Metric, Render, RunInfo
from promptad_db.scoring import score_category

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.random import Generator

    from independent.logged import Logged

CATEGORIES = {"mvtec": ("tile", "wood", "grid"), "visa": ("pcb1", "pcb2")}
BRANCHES = ("semantic", "memory", "max", "harmonic", "mean", "gate", "gate_hard", "oracle", "gate_rank", "max_rank",
            "mean_rank", "oracle_rank", "gate_mine")  # fmt: skip
GATES = {"gate": "", "gate_hard": "", "gate_rank": "_rank"}
"""The learned gates, and what stands behind the name of a rule of their calibration."""
STAGES = ("encode", "encode_semantic", "text", "memory", "fuse", "train")
SIDE = 3  # pixels of a map
_RERUN, _OTHER_METHOD = 0.5, 0.4


def random_database(seed: int, folder: Path) -> Logged:
    """A database of some thirty runs in a new ``folder``; the same for the same seed."""
    random = np.random.default_rng(seed)
    tables = Tables()
    minute = 0
    for index in range(int(random.integers(18, 34))):
        minute += int(random.random() < 0.8)  # else of the same time as the run before
        _log_run(random, folder / "runs", tables, _run(random, tables.runs, index, minute))
    outcome = ingest(folder / "runs", db=folder / "promptad.duckdb", runs=folder / "runs")
    assert not outcome.rejected, outcome.rejected
    return tables.logged(folder / "promptad.duckdb")


def _run(random: Generator, before: list[dict[str, Any]], index: int, minute: int) -> RunInfo:
    """A run of a random setting, often of one that was run before."""

    def pick(*choices: Any) -> Any:
        """One of the choices, each half as likely as the one before it."""
        weights = 0.5 ** np.arange(len(choices))
        return choices[random.choice(len(choices), p=weights / weights.sum())]

    setting = {
        "task": pick("seg", "cls"),
        "dataset": pick("mvtec", "visa"),
        "k_shot": pick(1, 2, 4),
        "seed": pick(1, 2, 3, None),
        "experiment": pick("e", "f"),
        "method": pick("m", "m", "n"),
        "variant": pick("baseline", "spatial_prompts", "memory_only"),
    }
    if before and random.random() < _RERUN:
        again = before[int(random.choice([-1, random.integers(len(before))]))]
        kept = ["variant", "method"] if random.random() < _OTHER_METHOD else []  # of the new setting
        setting |= {name: again[name] for name in setting if name not in kept}
    created_at = f"2026-01-01T{minute // 60:02}:{minute % 60:02}:00+00:00"
    run_id = f"{int(random.integers(2**32)):08x}-{index}"
    render = Render(SIDE, SIDE, "none", 0.0)
    return RunInfo(run_id, created_at=created_at, status="finished", render=render, **setting)


def _log_run(random: Generator, root: Path, tables: Tables, info: RunInfo) -> None:
    folder = run_folder.create_run(root, info)
    names = ("run_id", "experiment", "method", "variant", "task", "dataset", "k_shot", "seed", "created_at")
    tables.runs.append({name: getattr(info, name) for name in names})
    known = CATEGORIES[info.dataset]
    chosen = random.permutation(known)[: int(random.integers(1, len(known) + 1))]
    for category in map(str, chosen):
        branches = _branches(random, info)
        scored = random.random() < 0.45
        result = _scored(random, info, category, branches) if scored else CategoryResult(category)
        for branch in branches:
            result.metrics += _reported(random, info, branch, scored=scored)
        _time(random, result)
        run_folder.write_category(folder, result)
        keep(tables, info, result)


def _branches(random: Generator, info: RunInfo) -> list[str]:
    """Which branches a cell has: mostly both and some fusions."""
    if info.variant == "memory_only":
        return ["memory"]
    both = [["semantic", "memory"], ["semantic"], ["memory"], []][int(random.choice(4, p=[0.56, 0.2, 0.2, 0.04]))]
    chance = random.choice([0.15, 0.8])
    return [*both, *(branch for branch in BRANCHES[2:] if random.random() < chance)] or ["max"]


def _reported(random: Generator, info: RunInfo, branch: str, *, scored: bool) -> list[Metric]:
    """The numbers that somebody else gave for a branch: reported ones, estimates, shares of a gate."""
    level = LEVEL_OF_TASK[info.task]

    def metric(name: str, value: float | None, provenance: str, precision: float = 0.0) -> Metric:
        return Metric(level, branch, name, value, provenance, precision, note=None if value is not None else "none")

    made = []
    if not scored or random.random() < 0.2:
        precision = float(random.choice([0.0, 1e-4, 1e-2, 0.1], p=[0.3, 0.3, 0.3, 0.1]))
        kind = random.choice(["reported", "approx", "undefined"], p=[0.88, 0.06, 0.06])
        value = None if kind == "undefined" else _auroc(random, precision)
        made.append(metric("auroc", value, "approx" if kind == "approx" else "reported", precision))
    if branch in ("semantic", "memory") and random.random() < 0.3 and not any(m.provenance == "approx" for m in made):
        made.append(metric("auroc", float(random.random()), "approx"))
    if branch in GATES and random.random() < 0.7:
        made.append(metric("semantic_share", float(random.random()), "reported"))
    return made


def _auroc(random: Generator, precision: float) -> float:
    if random.random() < 0.6:
        near = random.random() < 0.75  # differences of a precision, and below it
        return float(random.choice([0.9, 0.90005, 0.9001, 0.91] if near else [0.5, 0.75, 0.7575, 1.0]))
    value = float(random.uniform(0.3, 1.0))
    return round(round(value / precision) * precision, 6) if precision else value


def _scored(random: Generator, info: RunInfo, category: str, branches: list[str]) -> CategoryResult:
    """A category with scores or maps of few values, so that there are ties; now and then of one class, or of other images."""
    count = int(random.choice([4, 6, 9], p=[0.1, 0.2, 0.7]))
    first = int(random.choice([0, 2], p=[0.85, 0.15]))
    images = [f"test/{index:03}.png" for index in range(first, first + count)]
    truth = np.random.default_rng(sum(map(ord, category)))
    masks = (truth.random((16, SIDE, SIDE)) < truth.uniform(0.1, 0.6)) & (np.arange(16) % 2 == 1)[:, None, None]
    masks = masks[first : first + count] & (random.random() < 0.92)
    result = CategoryResult(category, images=images, masks=masks)
    result.labels = masks.any(axis=(1, 2)).astype(np.int8)
    for branch in branches:
        steps = int(random.choice([2, 6, 1000]))
        signal = masks * random.choice([0.0, 0.3, 1.5])
        maps = (random.integers(0, steps, masks.shape) / steps + signal).astype(np.float32)
        if info.task == "seg":
            result.maps[branch] = maps
            result.scores[branch] = maps.max(axis=(1, 2)).astype(np.float64)
        else:
            result.scores[branch] = maps[:, 0, 0].astype(np.float64) + 0.3 * result.labels
    if info.task == "cls":
        result.masks = None
    fusions = ("max",) if random.random() < 0.8 else ()
    result.metrics = score_category(result, info.render, fusions)
    return result


def _time(random: Generator, result: CategoryResult) -> None:
    if result.images and random.random() < 0.7:
        stages = [stage for stage in STAGES if random.random() < 0.9]
        result.timings = {stage: float(random.integers(0, 8)) / 8 for stage in stages}
