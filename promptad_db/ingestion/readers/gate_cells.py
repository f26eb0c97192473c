"""What the files of the fork layout say of one category, put together: numbers, scores, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.ground_truth import add_ground_truth
from promptad_db.ingestion.readers.imported import ImportedRun, ImportOptions, Reject
from promptad_db.records import LEVEL_OF_TASK, CategoryResult, Metric, Task
from promptad_db.scoring import score_category

KIND = "gate"
METHOD = "PromptAD"


AGREEMENT = 1e-11


RunKey = tuple[Path, str, int, int | None, Task]


class DisagreementError(InputError):
    """Two files tell different numbers for one cell."""


@dataclass
class ImportedCell:
    """What the files say of one category: numbers with the file of each, and a scores file."""

    numbers: dict[tuple[str, str], tuple[Metric, Path]] = field(default_factory=dict)
    scores: CategoryResult | None = None
    scores_file: Path | None = None
    files: set[Path] = field(default_factory=set)
    refused: bool = False

    def add(self, metric: Metric, path: Path) -> None:
        key = (metric.branch, metric.provenance)
        self.files.add(path)
        if key not in self.numbers:
            self.numbers[key] = (metric, path)
            return
        known, source = self.numbers[key]
        assert known.value is not None
        assert metric.value is not None
        if abs(known.value - metric.value) > AGREEMENT:
            raise DisagreementError(
                f"{metric.branch} AUROC is {metric.value * 100:.10g} here, but {known.value * 100:.10g} in {source}"
            )
        if metric.note and not known.note:
            self.numbers[key] = (metric, source)


def assembled(key: RunKey, cells: dict[str, ImportedCell], options: ImportOptions, reject: Reject) -> ImportedRun:
    root, dataset, k_shot, seed, task = key
    run = ImportedRun(
        kind=KIND,
        experiment=options.experiment or root.name,
        method=options.method or METHOD,
        task=task,
        dataset=dataset,
        k_shot=k_shot,
        seed=seed,
        selection="best_on_test" if options.method in (None, METHOD) else "unknown",
    )
    for category, cell in sorted(cells.items()):
        if cell.refused or not (cell.numbers or cell.scores):
            continue
        result = cell.scores or CategoryResult(category)
        numbers = [metric for metric, _ in cell.numbers.values()]
        if cell.scores is not None:
            try:
                exact = _exact(run, result, numbers, options)
            except InputError as error:
                reject(cell.scores_file or min(cell.files), str(error))
                exact = []
            if not exact and result.labels is None and not any(metric.provenance == "approx" for metric in numbers):
                numbers += _estimates_without_truth(result, numbers, task)
            numbers += exact
        result.metrics = sorted(
            numbers, key=lambda metric: (metric.level, metric.branch, metric.metric, metric.provenance)
        )
        run.categories[category] = result
        run.origins[category] = min(cell.files)
        run.files |= cell.files
    return run


def _exact(run: ImportedRun, result: CategoryResult, numbers: list[Metric], options: ImportOptions) -> list[Metric]:
    if result.labels is not None and run.task == "cls":
        return score_category(result, None)
    if options.data_root is None:
        return []
    truth = {metric.branch: metric.value for metric in numbers if metric.provenance == "reported"}
    render, exact = add_ground_truth(result, run.task, run.dataset, truth, options.data_root, run.render)
    run.render = render or run.render
    return exact


def _estimates_without_truth(result: CategoryResult, numbers: list[Metric], task: Task) -> list[Metric]:
    """The old estimate, max AUROC x branch mean / larger mean: all that scores without ground truth give."""
    fused = next(
        (metric.value for metric in numbers if (metric.branch, metric.provenance) == ("max", "reported")), None
    )
    stored = result.scores if task == "cls" else result.maps
    means = {branch: float(values.mean(dtype=np.float64)) for branch, values in stored.items()}
    if fused is None or not means or min(means.values()) < 0 or max(means.values()) <= 0:
        return []
    larger = max(means.values())
    return [estimate(branch, fused * mean / larger, task) for branch, mean in means.items()]


def estimate(branch: str, value: float, task: Task = "seg") -> Metric:
    return Metric(
        LEVEL_OF_TASK[task], branch, "auroc", value, "approx", note="max AUROC x branch mean / larger branch mean"
    )


def add_all(cell: ImportedCell, metrics: list[Metric], path: Path) -> None:
    try:
        for metric in metrics:
            cell.add(metric, path)
    except DisagreementError:
        cell.refused = True
        raise
