"""Branches of one category that come from several files, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from promptad_db.datasets.image_names import image_names
from promptad_db.errors import InputError
from promptad_db.fusion import FUSED_NOTE
from promptad_db.records import CategoryResult
from promptad_db.scoring import score_category

if TYPE_CHECKING:
    from numpy.typing import NDArray


def joined(one: CategoryResult, other: CategoryResult) -> CategoryResult:
    """The branches of both, without numbers, in the order of the images of ``one``; InputError when their images or
    labels are not the same, or a branch that both hold has other scores.
    """
    order = _order(one, other)
    labels = other.labels if other.labels is None else other.labels[order]
    if one.labels is not None and labels is not None and not np.array_equal(one.labels, labels):
        image = one.images[int(np.flatnonzero(one.labels != labels)[0])]
        raise InputError(f"with another label of image {image!r}")
    scores = {branch: values[order] for branch, values in other.scores.items()}
    for branch in scores.keys() & one.scores.keys():
        if not np.array_equal(scores[branch], one.scores[branch]):
            raise InputError(f"with other scores of branch {branch!r}")
    defects = other.defect_types and [other.defect_types[index] for index in order.tolist()]
    if one.defect_types and defects and one.defect_types != defects:
        raise InputError("with other defect types")
    return CategoryResult(
        one.category,
        images=one.images,
        labels=labels if one.labels is None else one.labels,
        defect_types=one.defect_types or defects,
        scores=one.scores | scores,
    )


def with_numbers(result: CategoryResult) -> CategoryResult:
    """The same category with its exact numbers and its fusions."""
    result.metrics = score_category(result, None)
    return result


def without_fusions(result: CategoryResult) -> CategoryResult:
    """The branches of a category that were given, without those that were fused from them here."""
    fused = {metric.branch for metric in result.metrics if metric.note == FUSED_NOTE}
    scores = {branch: values for branch, values in result.scores.items() if branch not in fused}
    return CategoryResult(
        result.category, result.images, labels=result.labels, defect_types=result.defect_types, scores=scores
    )


def _order(one: CategoryResult, other: CategoryResult) -> NDArray[np.int64]:
    """Where each image of ``one`` stands in ``other``."""
    here, there = (image_names(result.category, result.images) for result in (other, one))
    where = {image: index for index, image in enumerate(here)}
    lacking = [image for image in there if image not in where]
    more = len(here) - (len(there) - len(lacking))
    if lacking or more:
        named = f", such as {lacking[0]!r}" if lacking else ""
        raise InputError(f"with other images: {len(lacking)} of them are not here{named}, and {more} more are")
    return np.array([where[image] for image in there], dtype=np.int64)
