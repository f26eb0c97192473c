"""What a category must be to be believed: numbers that can be meant, and scores that belong together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.records import BRANCHES, AnyLabel, CategoryResult, Label, Metric, Name, Note, PathText, Seconds
from promptad_db.schema import conform, shown

if TYPE_CHECKING:
    from pathlib import Path


def metrics_of(rows: Any, path: Path) -> list[Metric]:
    """The numbers of a metrics.json; InputError names the file, the field and what is right.

    Fields that are not known are passed over, and one without a value has none.
    """
    if isinstance(rows, list):
        rows = [{"value": None, **row} if isinstance(row, dict) else row for row in rows]
    metrics: list[Metric] = conform(rows, list[Metric], path)
    for index, metric in enumerate(metrics):
        if metric.value is None and not metric.note:
            raise InputError(f"{path}: [{index}].note: must say why {metric.branch} {metric.metric} has no value")
    seen = Counter((metric.level, metric.branch, metric.metric, metric.provenance) for metric in metrics)
    if len(seen) < len(metrics):
        raise InputError(f"{path}: the same number stands there twice: {' '.join(seen.most_common(1)[0][0])}")
    return metrics


def check_exact_metrics(path: Path, result: CategoryResult) -> None:
    for metric in result.metrics:
        if metric.provenance != "exact" or metric.value is None:
            continue
        stored = result.scores if metric.level == "image" else result.maps
        fused = metric.level == "pixel" and all(branch in result.maps for branch in BRANCHES)
        truth = result.labels if metric.level == "image" else result.masks
        if truth is None or not (metric.branch in stored or fused):
            raise InputError(
                f"{path}: {metric.branch} {metric.metric} claims to be exact, but the scores and ground truth "
                f"that it came from are not stored beside it"
            )


def check_result(result: CategoryResult) -> None:
    count = len(result.images)
    if (result.scores or result.maps or result.masks is not None) and not count:
        raise InputError(f"category {result.category!r} has scores but no images")
    if len(set(result.images)) < count:
        double = Counter(result.images).most_common(1)[0][0]
        raise InputError(
            f"category {result.category!r}: two images are called {double!r}",
            "give images names that are unique in the category, such as defect/000.png",
        )
    for what, found in (
        ("labels", count if result.labels is None else len(result.labels)),
        ("defect types", count if result.defect_types is None else len(result.defect_types)),
        ("masks", count if result.masks is None else len(result.masks)),
        ("thresholded masks", count if result.thresholded is None else len(result.thresholded)),
        *((f"scores of branch {branch!r}", len(scores)) for branch, scores in result.scores.items()),
        *((f"maps of branch {branch!r}", len(maps)) for branch, maps in result.maps.items()),
    ):
        if found != count:
            raise InputError(f"category {result.category!r}: {count} images, but {found} {what}")
    _check_words(result)
    if result.labels is not None and not np.isin(result.labels, (0, 1)).all():
        raise InputError(f"category {result.category!r}: labels must be 0 (normal) or 1 (anomalous)")
    if result.masks is not None and result.labels is not None:
        wrong = np.flatnonzero((result.labels == 0) & result.masks.any(axis=(1, 2)))
        if wrong.size:
            raise InputError(
                f"category {result.category!r}: image {result.images[wrong[0]]!r} is labelled normal, "
                f"but its mask has anomalous pixels"
            )


def _check_words(result: CategoryResult) -> None:
    """The names and the seconds of a category as they are declared."""
    where = f"category {shown(result.category)}"
    conform(result.category, Name, where)
    conform(result.images, list[PathText], where, "images")
    conform(result.defect_types, list[AnyLabel | None] | None, where, "defect types")
    conform(list({*result.scores, *result.maps}), list[Label], where, "branches")
    conform(result.timings, dict[AnyLabel, Seconds], where, "timings")
    metrics = result.metrics
    conform(
        [metric.branch for metric in metrics] + [metric.metric for metric in metrics], list[Label], where, "metrics"
    )
    conform([metric.note for metric in metrics], list[Note | None], where, "notes")
