"""What a caller logs, as arrays of the right types and shapes, or an error that names the category."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError
from promptad_db.records import CategoryResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike, NDArray


def collect(
    category: str,
    images: Sequence[object],
    *,
    branches: Mapping[str, ArrayLike],
    labels: ArrayLike | None,
    masks: ArrayLike | None,
    defect_types: Sequence[str | None] | None,
) -> CategoryResult:
    """The arguments of log_category as arrays of the right types and shapes."""
    result = CategoryResult(category, [str(image) for image in images])
    count = len(result.images)
    if not branches:
        raise InputError(f"category {category!r}: no branches given")
    result.defect_types = None if defect_types is None else list(defect_types)
    for branch, values in branches.items():
        array = _array(category, f"branch {branch!r}", values)
        if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
            raise InputError(f"category {category!r}: branch {branch!r} holds NaN, infinite or non-numeric scores")
        if array.ndim == 4 and array.shape[1] == 1:  # noqa: PLR2004 - [N, 1, h, w], as torch modules return maps
            array = array[:, 0]
        if array.ndim not in (1, 3) or array.shape[0] != count or not array.size:
            raise InputError(
                f"category {category!r}: branch {branch!r} has shape {list(array.shape)}, "
                f"wanted [{count}] scores or [{count}, h, w] maps for {count} images"
            )
        if array.ndim == 1:
            result.scores[branch] = array.astype(np.float64)
        else:
            with np.errstate(over="ignore"):
                result.maps[branch] = array.astype(np.float32)
            if not np.isfinite(result.maps[branch]).all():
                raise InputError(f"category {category!r}: branch {branch!r} holds scores beyond float32")
            result.scores[branch] = result.maps[branch].max(axis=(1, 2)).astype(np.float64)
    if masks is not None:
        result.masks = _binary(category, "masks", _array(category, "masks", masks), (0, 1, 255))
        if result.masks.ndim == 4 and result.masks.shape[1] == 1:  # noqa: PLR2004
            result.masks = result.masks[:, 0]
        if result.masks.ndim != 3 or len(result.masks) != count:  # noqa: PLR2004
            raise InputError(
                f"category {category!r}: masks have shape {list(result.masks.shape)}, wanted [{count}, H, W]"
            )
    if labels is not None:
        result.labels = _binary(category, "labels", _array(category, "labels", labels), (0, 1)).astype(np.int8)
        if result.labels.shape != (count,):
            raise InputError(f"category {category!r}: labels have shape {list(result.labels.shape)}, wanted [{count}]")
    elif result.masks is not None:
        result.labels = np.asarray(result.masks.any(axis=(1, 2)), dtype=np.int8)
    return result


def _array(category: str, what: str, values: ArrayLike) -> NDArray[Any]:
    try:
        if isinstance(values, list) and values and not isinstance(values[0], int | float | list | tuple):
            return np.stack([np.asarray(value) for value in values])
        return np.asarray(values)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"category {category!r}: {what} is not an array ({error})") from error


def seconds_of(category: str, timings: Mapping[str, float]) -> dict[str, float]:
    try:
        return {stage: float(seconds) for stage, seconds in timings.items()}
    except (TypeError, ValueError) as error:
        raise InputError(f"category {category!r}: timings {dict(timings)!r} are not seconds ({error})") from error


def _binary(category: str, what: str, array: NDArray[Any], allowed: tuple[int, ...]) -> NDArray[np.bool_]:
    if not np.isin(array, allowed).all():
        raise InputError(f"category {category!r}: {what} must be 0 (normal) and 1 (anomalous)")
    return array.astype(bool)
