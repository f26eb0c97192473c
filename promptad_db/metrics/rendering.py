"""From an anomaly map at the model's own grid to a map of pixels.

Bilinear upsampling and a Gaussian are both linear and separable, so both together are one small matrix for each axis,
computed once: a rendered map is ``rows @ grid @ columns.T``. That costs two matrix products instead of an interpolation
and a filter of about 33 taps a pixel and axis.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_EDGE, LARGEST_MATRIX, LARGEST_PICTURE, LARGEST_SIGMA


def render(grids: ArrayLike, height: int, width: int, gaussian_sigma: float = 4.0) -> NDArray[np.float32]:
    """Return the anomaly maps ``grids`` [N, h, w] (or one, [h, w]) as float32 [N, height, width].

    Bilinear interpolation as torch's ``interpolate(align_corners=False)``: half-pixel centres, edges clamped, plain
    sampling when it shrinks. Then a Gaussian of ``gaussian_sigma`` pixels as scipy's ``gaussian_filter``: reflected
    edges, cut at four sigma; 0 leaves it out. PromptAD renders at 400 x 400 with sigma 4 (Li et al., CVPR 2024).

    Raises InputError for grids that are not numbers, not finite (in float32) or of another shape, for sizes below 1 or
    larger than a picture can be, and for a sigma below 0 or above 1000 pixels.
    """
    given = np.asarray(grids)
    if given.ndim not in (2, 3) or 0 in given.shape[-2:]:
        raise InputError(f"grids must have the shape [N, h, w] or [h, w] with h and w at least 1, not {given.shape}")
    if given.dtype.kind not in "fiub":
        raise InputError(f"grids must be numbers, not {given.dtype}")
    if min(height, width) < 1 or max(height, width) > LARGEST_EDGE or height * width > LARGEST_PICTURE:
        raise InputError(
            f"the rendered size must be 1 x 1 to {LARGEST_EDGE} x {LARGEST_EDGE}, of at most {LARGEST_PICTURE:,} pixels, "
            f"not {height} x {width}"
        )
    if not 0 <= gaussian_sigma <= LARGEST_SIGMA:
        raise InputError(f"gaussian_sigma must be from 0 to {LARGEST_SIGMA:g} pixels, not {gaussian_sigma}")
    with np.errstate(over="ignore"):
        stack = given.reshape(-1, *given.shape[-2:]).astype(np.float32, copy=False)
    if not np.isfinite(stack).all():
        raise InputError("grids must be finite: NaN or an infinity is among them")
    if max(stack.shape[1] * height, stack.shape[2] * width) > LARGEST_MATRIX:
        return _one_by_one(stack, height, width, float(gaussian_sigma))
    rows = axis_matrix(stack.shape[1], height, float(gaussian_sigma))
    columns = axis_matrix(stack.shape[2], width, float(gaussian_sigma))
    rendered: NDArray[np.float32] = rows @ (stack @ columns.T)
    return rendered


@lru_cache(maxsize=64)
def axis_matrix(size_in: int, size_out: int, sigma: float) -> NDArray[np.float32]:
    """Return the matrix [size_out, size_in] of the rendering along one axis; it is shared, so it cannot be written to."""
    left, right, share = _neighbours(size_in, size_out)
    matrix: NDArray[Any] = np.zeros((size_out, size_in))
    pixels = np.arange(size_out)
    matrix[pixels, left] += 1 - share
    matrix[pixels, right] += share
    matrix = _smoothed(matrix, sigma, axis=0).astype(np.float32)
    matrix.flags.writeable = False
    return matrix


def _one_by_one(stack: NDArray[np.float32], height: int, width: int, sigma: float) -> NDArray[np.float32]:
    """As ``render``, for maps so large that the matrices would be larger than they are."""
    rendered = np.empty((len(stack), height, width), np.float32)
    top, bottom, down = _neighbours(stack.shape[1], height)
    left, right, across = _neighbours(stack.shape[2], width)
    for grid, pixels in zip(stack, rendered, strict=True):
        rows = grid[top] * (1 - down[:, None]) + grid[bottom] * down[:, None]
        pixels[:] = rows[:, left] * (1 - across) + rows[:, right] * across
        for axis in (0, 1):
            pixels[:] = _smoothed(pixels, sigma, axis)
    return rendered


def _neighbours(size_in: int, size_out: int) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64]]:
    """For each pixel along an axis the two places of the grid beside its centre, and the share of the second."""
    centres = np.clip((np.arange(size_out) + 0.5) * (size_in / size_out) - 0.5, 0, size_in - 1)
    left = np.floor(centres).astype(np.intp)
    return left, np.minimum(left + 1, size_in - 1), centres - left


def _smoothed(values: NDArray[Any], sigma: float, axis: int) -> NDArray[Any]:
    if not sigma:
        return values
    from scipy.ndimage import gaussian_filter1d

    smoothed: NDArray[Any] = gaussian_filter1d(values, sigma, axis=axis, mode="reflect", truncate=4.0)
    return smoothed
