"""What was logged, as tables of pandas: the truth that reports are held to."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from promptad_db.records import LEVEL_OF_TASK

if TYPE_CHECKING:
    from pathlib import Path

    from promptad_db.records import CategoryResult, RunInfo


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
class Tables:
    """Rows for the tables of `Logged`, collected run by run."""

    runs: list[dict[str, Any]] = field(default_factory=list)
    numbers: list[dict[str, Any]] = field(default_factory=list)
    scored: dict[tuple[str, str, str], Scores] = field(default_factory=dict)
    stats: list[dict[str, Any]] = field(default_factory=list)
    shares: list[dict[str, Any]] = field(default_factory=list)
    timings: list[dict[str, Any]] = field(default_factory=list)

    def logged(self, path: Path) -> Logged:
        """All of it, in the database ``path``."""
        keys = ["run_id", "category"]
        return Logged(
            path,
            pd.DataFrame(self.runs),
            pd.DataFrame(self.numbers),
            self.scored,
            pd.DataFrame(self.stats, columns=[*keys, "branch", "level", "mean"]),
            pd.DataFrame(self.shares, columns=[*keys, "branch", "share"]),
            pd.DataFrame(self.timings, columns=[*keys, "stage", "seconds", "images"]),
        )


def keep(tables: Tables, info: RunInfo, result: CategoryResult) -> None:
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


def _keep_scores(tables: Tables, info: RunInfo, result: CategoryResult, key: dict[str, str]) -> None:
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
