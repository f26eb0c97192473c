"""Numbers as somebody gives them, as arrays in which different scores stay different."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from promptad_db.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray

_LARGEST_WHOLE = 1 << 53  # of the integers that a double tells apart


def as_array(values: ArrayLike, what: str) -> NDArray[Any]:
    """The values as an array; lists of arrays or tensors are stacked, and bfloat16 becomes float32.

    Raises InputError, which begins with ``what``, for what is no array: ragged lists, tensors on a GPU or with a gradient,
    masked entries.
    """
    try:
        return _array(values)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(f"{what} is not an array ({error})") from error


def as_floats(values: NDArray[Any], what: str) -> NDArray[Any]:
    """Numbers as floats of at least 32 bits: float32, float64 and longer are kept, bool and integers become float64.

    Raises InputError, which begins with ``what``, for anything else, and for integers too large for float64.
    """
    if values.dtype.kind not in "fiub":
        raise InputError(f"{what} must be numbers, not {values.dtype}")
    if values.dtype.kind == "f":
        return values.astype(np.promote_types(values.dtype, np.float32), copy=False)
    if values.dtype.kind != "b" and values.size and max(int(values.max()), -int(values.min())) > _LARGEST_WHOLE:
        raise InputError(f"{what} hold integers above 2^53, which float64 would merge", "subtract what they share")
    return values.astype(np.float64)


def as_doubles(values: NDArray[Any], what: str) -> NDArray[np.float64]:
    """Numbers as float64; InputError as ``as_floats``, and for longer floats that float64 would merge."""
    floats = as_floats(values, what)
    if floats.dtype.itemsize > np.dtype(np.float64).itemsize and _merges(floats, np.float64):
        raise InputError(f"{what} hold {floats.dtype} scores that float64 would merge", "subtract what they share")
    doubles: NDArray[np.float64] = floats.astype(np.float64, copy=False)
    return doubles


def shortest(values: NDArray[Any], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Floats as ``dtype``, or as they are where that would make two different scores equal."""
    if np.promote_types(values.dtype, dtype) == dtype or not _merges(values, dtype):
        return values.astype(dtype, copy=False)
    return values


def _array(values: Any) -> NDArray[Any]:
    if isinstance(values, list | tuple) and values and not isinstance(values[0], int | float | list | tuple):
        return np.stack([_array(value) for value in values])
    if np.ma.is_masked(values):
        raise ValueError("some of its entries are masked; fill them or leave their images out")
    if str(getattr(values, "dtype", "")).endswith("bfloat16"):
        values = values.float() if hasattr(values, "float") else np.asarray(values).astype(np.float32)
    return np.asarray(values)


def _merges(values: NDArray[Any], dtype: DTypeLike) -> bool:
    """Whether two different values become one in the ``dtype``."""
    with np.errstate(over="ignore", under="ignore"):
        if (values.astype(dtype) == values).all():
            return False
        ordered = np.sort(values, axis=None)
        narrow = ordered.astype(dtype)
    return bool(((narrow[1:] == narrow[:-1]) & (ordered[1:] != ordered[:-1])).any())
