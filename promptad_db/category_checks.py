"""What a category must be to be believed: numbers that can be meant, and scores that belong together."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, get_args

import numpy as np

from promptad_db import files
from promptad_db.errors import InputError
from promptad_db.records import PROVENANCES, CategoryResult, Level, Metric

if TYPE_CHECKING:
    from pathlib import Path


FUSED_FROM = ("semantic", "memory")


_COUNTS = ("n_pos", "n_neg")


_MOST = 1 << 62


def check_metric(path: Path, metric: Metric) -> None:
    texts: tuple[object, ...] = (metric.branch, metric.metric)
    if not all(isinstance(text, str) and text != "" for text in texts) or metric.level not in get_args(Level):
        raise InputError(f"{path}: a metric needs a level (image, pixel), a branch and a metric name")
    if metric.provenance not in PROVENANCES:
        raise InputError(f"{path}: provenance {metric.provenance!r} is not one of {', '.join(PROVENANCES)}")
    name = f"{metric.branch} {metric.metric}"
    if metric.value is None:
        if not metric.note:
            raise InputError(f"{path}: {name} has neither a value nor a note that says why")
    elif not is_number(metric.value) or not 0 <= metric.value <= 1:
        raise InputError(f"{path}: {name} is {metric.value!r}, must be a fraction between 0 and 1")
    for field_name in ("precision", "ci_low", "ci_high", "n_pos", "n_neg"):
        value = getattr(metric, field_name)
        if value is None and field_name != "precision":
            continue
        if not is_number(value) or value < 0 or value > (_MOST if field_name in _COUNTS else 1):
            raise InputError(f"{path}: {field_name} of {name} is {value!r}, must be a number that can be meant")
        if field_name in _COUNTS and not isinstance(value, int):
            raise InputError(f"{path}: {field_name} of {name} is {value!r}, must be a whole number")
    if metric.note is not None and not isinstance(metric.note, str):
        raise InputError(f"{path}: the note of {name} must be a text")
    if not all(files.is_text(text) for text in (*texts, metric.note) if text is not None):
        raise InputError(f"{path}: {name!r} or its note holds half a character")


def check_exact_metrics(path: Path, result: CategoryResult) -> None:
    for metric in result.metrics:
        if metric.provenance != "exact" or metric.value is None:
            continue
        stored = result.scores if metric.level == "image" else result.maps
        fused = metric.level == "pixel" and all(branch in result.maps for branch in FUSED_FROM)
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
        *((f"scores of branch {branch!r}", len(scores)) for branch, scores in result.scores.items()),
        *((f"maps of branch {branch!r}", len(maps)) for branch, maps in result.maps.items()),
    ):
        if found != count:
            raise InputError(f"category {result.category!r}: {count} images, but {found} {what}")
    for branch in (*result.scores, *result.maps):
        if not branch or not files.is_text(branch):
            raise InputError(f"category {result.category!r}: a branch is called {branch!r}, must be a text")
    if any(kind is not None and not files.is_text(kind) for kind in result.defect_types or ()):
        raise InputError(f"category {result.category!r}: defect types must be texts or None")
    for stage, seconds in result.timings.items():
        if not is_number(seconds) or seconds < 0:
            raise InputError(f"category {result.category!r}: {stage} took {seconds!r} seconds, must be zero or above")
    if result.labels is not None and not np.isin(result.labels, (0, 1)).all():
        raise InputError(f"category {result.category!r}: labels must be 0 (normal) or 1 (anomalous)")
    if result.masks is not None and result.labels is not None:
        wrong = np.flatnonzero((result.labels == 0) & result.masks.any(axis=(1, 2)))
        if wrong.size:
            raise InputError(
                f"category {result.category!r}: image {result.images[wrong[0]]!r} is labelled normal, "
                f"but its mask has anomalous pixels"
            )


def is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        return False
