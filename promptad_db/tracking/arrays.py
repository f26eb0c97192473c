"""What a caller logs, as arrays of the right types and shapes, or an error that names the category."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.datasets.images import read_mask_file
from promptad_db.datasets.layout import NORMAL_NAMES
from promptad_db.datasets.masks import INVERT, INVERTED, Mask, is_inverted
from promptad_db.errors import InputError
from promptad_db.precision import as_array, as_doubles, shortest
from promptad_db.records import CategoryResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


def collect(
    category: str,
    images: Sequence[object],
    *,
    branches: Mapping[str, ArrayLike],
    labels: ArrayLike | None,
    masks: ArrayLike | Sequence[ArrayLike | str | os.PathLike[str] | None] | None,
    defect_types: Sequence[str | None] | None,
) -> CategoryResult:
    """The arguments of log_category as arrays of the right types and shapes."""
    where = f"category {category!r}"
    result = CategoryResult(category, [str(image) for image in images])
    count = len(result.images)
    if not branches:
        raise InputError(f"{where}: no branches given")
    result.defect_types = None if defect_types is None else list(defect_types)
    for branch, values in branches.items():
        array = _branch(f"{where}: branch {branch!r}", values, count)
        if array.ndim == 1:
            result.scores[branch] = array
        else:
            result.maps[branch] = shortest(array)
            result.scores[branch] = result.maps[branch].max(axis=(1, 2)).astype(np.float64)
    if masks is not None:
        result.masks, result.thresholded = _masks(where, masks, count)
    if labels is not None:
        result.labels = _binary(where, "labels", as_array(labels, f"{where}: labels"), (0, 1)).astype(np.int8)
        if result.labels.shape != (count,):
            raise InputError(f"{where}: labels have shape {list(result.labels.shape)}, wanted [{count}]")
        _check_masks(where, result, result.labels)
    elif result.masks is not None:
        result.labels = np.asarray(result.masks.any(axis=(1, 2)), dtype=np.int8)
        _check_masks(where, result, [_is_defect(kind) for kind in result.defect_types or [None] * count])
    return result


def _branch(what: str, values: ArrayLike, count: int) -> NDArray[Any]:
    """Scores [N] of N images as doubles, or maps [N, h, w] in float32 or as doubles."""
    array = as_array(values, what)
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise InputError(f"{what} holds NaN, infinite or non-numeric scores ({array.dtype})")
    if array.ndim == 4 and array.shape[1] == 1:  # noqa: PLR2004 - [N, 1, h, w], as torch modules return maps
        array = array[:, 0]
    if array.ndim not in (1, 3) or array.shape[0] != count or not array.size:
        raise InputError(
            f"{what} has shape {list(array.shape)}, wanted [{count}] scores or [{count}, h, w] maps for {count} images"
        )
    if array.ndim > 1 and array.dtype == np.float32:
        return array
    doubles = as_doubles(array, f"{what}: its scores")
    if array.ndim > 1 and np.abs(doubles).max() > np.finfo(np.float32).max:
        raise InputError(f"{what} holds scores beyond float32")
    return doubles


def _masks(where: str, masks: Any, count: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_] | None]:
    """Masks [N, H, W], and which of them were read from files that hold greys; None where none does."""
    thresholded = None
    if isinstance(masks, list | tuple) and any(isinstance(mask, str | os.PathLike) for mask in masks):
        masks, grey = _from_files(where, masks)
        thresholded = grey if grey.any() else None
    array = _binary(where, "masks", as_array(masks, f"{where}: masks"), (0, 1, 255))
    if array.ndim == 4 and array.shape[1] == 1:  # noqa: PLR2004
        array = array[:, 0]
    if array.ndim != 3 or len(array) != count or not array.size:  # noqa: PLR2004
        raise InputError(f"{where}: masks have shape {list(array.shape)}, wanted [{count}, H, W]")
    return array, thresholded


def _from_files(where: str, masks: Sequence[Any]) -> tuple[list[Any], NDArray[np.bool_]]:
    """Masks of which some are files and, for normal images, None; all of one size."""
    try:
        read = [read_mask_file(Path(mask)) if isinstance(mask, str | os.PathLike) else mask for mask in masks]
    except InputError as error:
        raise InputError(f"{where}: {error.args[0]}", error.hint) from error
    size = next(mask.pixels.shape for mask in read if isinstance(mask, Mask))
    pixels = [
        np.zeros(size, bool) if mask is None else mask.pixels if isinstance(mask, Mask) else mask for mask in read
    ]
    return pixels, np.array([isinstance(mask, Mask) and mask.thresholded for mask in read])


def _is_defect(defect_type: object) -> bool:
    return isinstance(defect_type, str) and defect_type.casefold() not in NORMAL_NAMES


def _check_masks(where: str, result: CategoryResult, anomalous: Iterable[Any]) -> None:
    """Refuse masks of anomalous images that are empty, and masks in which white stands for normal."""
    if result.masks is None:
        return
    for image, label, mask in zip(result.images, anomalous, result.masks, strict=False):
        if label and not mask.any():
            raise InputError(
                f"{where}: image {image!r} is labelled anomalous, but its mask is empty",
                "draw the defect or label the image 0; one that was lost in shrinking needs masks of a larger size",
            )
        if is_inverted(mask):
            raise InputError(f"{where}: the mask of image {image!r} {INVERTED}", INVERT)


def seconds_of(category: str, timings: Mapping[str, float]) -> dict[str, float]:
    try:
        return {stage: float(seconds) for stage, seconds in timings.items()}
    except (TypeError, ValueError) as error:
        raise InputError(f"category {category!r}: timings {dict(timings)!r} are not seconds ({error})") from error


def _binary(where: str, what: str, array: NDArray[Any], allowed: tuple[int, ...]) -> NDArray[np.bool_]:
    if not np.isin(array, allowed).all():
        raise InputError(f"{where}: {what} must be 0 (normal) and 1 (anomalous)")
    return array.astype(bool)
