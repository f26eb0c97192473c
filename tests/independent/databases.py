"""Random databases: runs that repeat, contradict and miss each other, some with scores, some with reported numbers alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from promptad_db import ingest, run_folder
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Metric, Render, RunInfo
from promptad_db.scoring import score_category

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.random import Generator

CATEGORIES = {"mvtec": ("tile", "wood", "grid"), "visa": ("pcb1", "pcb2")}
BRANCHES = ("semantic", "memory", "max", "harmonic", "mean", "gate", "gate_hard", "oracle", "gate_rank", "max_rank",
            "mean_rank", "oracle_rank", "gate_mine")  # fmt: skip
GATES = {"gate": "", "gate_hard": "", "gate_rank": "_rank"}
"""The learned gates, and what stands behind the name of a rule of their calibration."""
STAGES = ("encode", "encode_semantic", "text", "memory", "fuse", "train")
SIDE = 3  # pixels of a map
_RERUN, _OTHER_METHOD = 0.5, 0.4


@dataclass
class Logged:
    """What was logged, a table each: ``runs``; ``numbers``, one row an AUROC; ``scored``, one row a cell and branch with
    scores; ``stats``, ``shares`` of gates, and ``timings``. ``path`` is the database made of it.
    """

    path: Path
    runs: pd.DataFrame
    numbers: pd.DataFrame
    scored: dict[tuple[str, str, str], Scores]
    stats: pd.DataFrame
    shares: pd.DataFrame
    timings: pd.DataFrame


@dataclass
class Scores:
    """The ``values`` and ``labels`` of one branch, an image a row, one column at image level."""

    images: list[str]
    values: np.ndarray
    labels: np.ndarray

    @cached_property
    def components(self) -> tuple[float, np.ndarray, np.ndarray]:
        """The AUROC, and what each image adds to it by its positives and by its negatives; from every pair of both."""
        of_positives, of_negatives = self.values[self.labels], self.values[~self.labels]
        above = (of_positives[:, None] > of_negatives) + 0.5 * (of_positives[:, None] == of_negatives)
        auroc = above.mean()
        added = np.zeros((2, *self.values.shape))
        added[0, self.labels] = (above.mean(axis=1) - auroc) / len(of_positives)
        added[1, ~self.labels] = (above.mean(axis=0) - auroc) / len(of_negatives)
        return float(auroc), *added.sum(axis=2)


@dataclass
class _Tables:
    runs: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[dict[str, Any]] = field(default_factory=list)
    scored: dict[tuple[str, str, str], Scores] = field(default_factory=dict)
    stats: list[dict[str, Any]] = field(default_factory=list)
    shares: list[dict[str, Any]] = field(default_factory=list)
    timings: list[dict[str, Any]] = field(default_factory=list)


def random_database(seed: int, folder: Path) -> Logged:
    """A database of some thirty runs in a new ``folder``; the same for the same seed."""
    random = np.random.default_rng(seed)
    tables = _Tables()
    minute = 0
    for index in range(int(random.integers(18, 34))):
        minute += int(random.random() < 0.8)  # else of the same time as the run before
        _log_run(random, folder / "runs", tables, _run(random, tables.runs, index, minute))
    outcome = ingest(folder / "runs", db=folder / "promptad.duckdb", runs=folder / "runs")
    assert not outcome.rejected, outcome.rejected
    keys = ["run_id", "category"]
    return Logged(
        folder / "promptad.duckdb",
        pd.DataFrame(tables.runs),
        pd.DataFrame(tables.numbers),
        tables.scored,
        pd.DataFrame(tables.stats, columns=[*keys, "branch", "level", "mean"]),
        pd.DataFrame(tables.shares, columns=[*keys, "branch", "share"]),
        pd.DataFrame(tables.timings, columns=[*keys, "stage", "seconds", "images"]),
    )


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


def _log_run(random: Generator, root: Path, tables: _Tables, info: RunInfo) -> None:
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
        _keep(tables, info, result)


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


def _keep(tables: _Tables, info: RunInfo, result: CategoryResult) -> None:
    """Write down what a category holds, its exact AUROCs by scikit-learn."""
    level = LEVEL_OF_TASK[info.task]
    key = {"run_id": info.run_id, "category": result.category}
    for metric in result.metrics:
        row = {**key, "branch": metric.branch, "provenance": metric.provenance, "precision": metric.precision}
        if metric.level == level and metric.metric == "auroc" and metric.provenance != "exact":
            tables.numbers.append({**row, "value": metric.value})
        if metric.metric == "semantic_share":
            tables.shares.append({**key, "branch": metric.branch, "share": metric.value})
    _keep_scores(tables, info, result, key)
    count = len(result.images)
    tables.timings += [
        {**key, "stage": stage, "seconds": seconds, "images": count} for stage, seconds in result.timings.items()
    ]


def exact_auroc(values: np.ndarray, labels: np.ndarray) -> float | None:
    """The share of the pairs of a positive and a negative that are ranked right, ties one half; None for one class."""
    of_positives, of_negatives = values[labels], values[~labels]
    if not len(of_positives) or not len(of_negatives):
        return None
    pairs = of_positives[:, None], of_negatives
    auroc = int(np.count_nonzero(pairs[0] > pairs[1]) * 2 + np.count_nonzero(pairs[0] == pairs[1]))
    auroc /= 2 * len(of_positives) * len(of_negatives)
    assert abs(auroc - roc_auc_score(labels.ravel(), values.ravel())) < 1e-12
    return auroc


def _keep_scores(tables: _Tables, info: RunInfo, result: CategoryResult, key: dict[str, str]) -> None:
    for branch, scores in result.scores.items():
        tables.stats.append({**key, "branch": branch, "level": "image", "mean": scores.mean()})
    for branch, maps in result.maps.items():
        tables.stats.append({**key, "branch": branch, "level": "pixel", "mean": maps.mean(dtype=np.float64)})
    if info.task == "seg":
        assert result.masks is not None or not result.maps
        found = {branch: (maps.reshape(len(maps), -1), result.masks) for branch, maps in result.maps.items()}
        if {"semantic", "memory"} <= found.keys() and any(
            m.branch == "max" and m.provenance == "exact" for m in result.metrics
        ):
            found.setdefault("max", (np.maximum(found["semantic"][0], found["memory"][0]), result.masks))
    else:
        found = {branch: (scores[:, None], result.labels) for branch, scores in result.scores.items()}
    for branch, (values, truth) in found.items():
        labels = np.asarray(truth, dtype=bool).reshape(values.shape)
        value = exact_auroc(values, labels)
        tables.numbers.append({**key, "branch": branch, "provenance": "exact", "precision": 0.0, "value": value})
        tables.scored[key["run_id"], key["category"], branch] = Scores(result.images, values, labels)
