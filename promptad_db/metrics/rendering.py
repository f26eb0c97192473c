"""From an anomaly map at the model's own grid to a map of pixels.

Bilinear upsampling and a Gaussian are both linear and separable, so both together are one small matrix for each axis,
computed once: a rendered map is ``rows @ grid @ columns.T``. That costs two matrix products instead of an interpolation
and a filter of about 33 taps a pixel and axis.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_EDGE, LARGEST_MATRIX, LARGEST_PICTURE, LARGEST_SIGMA
from promptad_db.precision import as_array, as_doubles, shortest

_CUT = 4.0  # sigmas, where the Gaussian ends


def render(grids: ArrayLike, height: int, width: int, gaussian_sigma: float = 4.0) -> NDArray[Any]:
    """Return the anomaly maps ``grids`` [N, h, w] (or one, [h, w]) as [N, height, width], float64 as float64, all else as
    float32.

    Bilinear interpolation as torch's ``interpolate(align_corners=False)``: half-pixel centres, edges clamped, plain
    sampling when it shrinks. Then a Gaussian of ``gaussian_sigma`` pixels as scipy's ``gaussian_filter``: reflected
    edges, cut at four sigma; 0 leaves it out. PromptAD renders at 400 x 400 with sigma 4 (Li et al., CVPR 2024).
    A pixel all of whose cells are equal has exactly their value, so that constant maps stay constant.

    Raises InputError for grids that are not numbers, not finite (in float32) or of another shape, for sizes below 1 or
    larger than a picture can be, and for a sigma below 0 or above 1000 pixels.
    """
    given = as_array(grids, "grids")
    if given.ndim not in (2, 3) or 0 in given.shape[-2:]:
        raise InputError(f"grids must have the shape [N, h, w] or [h, w] with h and w at least 1, not {given.shape}")
    if min(height, width) < 1 or max(height, width) > LARGEST_EDGE or height * width > LARGEST_PICTURE:
        raise InputError(
            f"the rendered size must be 1 x 1 to {LARGEST_EDGE} x {LARGEST_EDGE}, of at most {LARGEST_PICTURE:,} pixels, "
            f"not {height} x {width}"
        )
    if not 0 <= gaussian_sigma <= LARGEST_SIGMA:
        raise InputError(f"gaussian_sigma must be from 0 to {LARGEST_SIGMA:g} pixels, not {gaussian_sigma}")
    stack = _floats(given.reshape(-1, *given.shape[-2:]))
    size, sigma = (height, width), float(gaussian_sigma)
    if max(stack.shape[1] * height, stack.shape[2] * width) > LARGEST_MATRIX:
        rendered = _one_by_one(stack, height, width, sigma)
    else:
        rows, columns = (
            axis_matrix(cells, pixels, sigma, stack.dtype) for cells, pixels in zip(stack.shape[1:], size, strict=True)
        )
        rendered = rows @ (stack @ columns.T)
    _keep_constant(stack, rendered, sigma)
    return rendered


def _floats(given: NDArray[Any]) -> NDArray[Any]:
    """Doubles as they are and all else in float32, unless that would make different values equal."""
    floats = given if given.dtype == np.float32 else as_doubles(given, "grids")
    if floats.size and not max(floats.max(), -floats.min()) <= np.finfo(np.float32).max:
        raise InputError("grids must be finite: NaN, an infinity or a value beyond float32 is among them")
    return floats if given.dtype.kind == "f" and given.dtype.itemsize > np.float32().itemsize else shortest(floats)


@lru_cache(maxsize=64)
def axis_matrix(size_in: int, size_out: int, sigma: float, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return the matrix [size_out, size_in] of the rendering along one axis; it is shared, so it cannot be written to."""
    left, right, share = _neighbours(size_in, size_out)
    matrix: NDArray[Any] = np.zeros((size_out, size_in))
    pixels = np.arange(size_out)
    matrix[pixels, left] += 1 - share
    matrix[pixels, right] += share
    matrix = _smoothed(matrix, sigma, axis=0).astype(dtype)
    matrix.flags.writeable = False
    return matrix


class _Windows(NamedTuple):
    """The cells along one axis that pixels are made of, ``first`` to ``last``, once each, and the window of each pixel."""

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    of_pixel: NDArray[np.intp]


@lru_cache(maxsize=64)
def _windows(size_in: int, size_out: int, sigma: float) -> _Windows:
    left, right, _ = _neighbours(size_in, size_out)
    reach, pixels = int(_CUT * sigma + 0.5), np.arange(size_out)
    ends = np.stack([left[np.maximum(pixels - reach, 0)], right[np.minimum(pixels + reach, size_out - 1)]], axis=1)
    windows, of_pixel = np.unique(ends, axis=0, return_inverse=True)
    return _Windows(windows[:, 0], windows[:, 1], of_pixel.ravel())


def _keep_constant(stack: NDArray[Any], rendered: NDArray[Any], sigma: float) -> None:
    """Give the pixels whose cells are all equal the value of these, which rounded weights miss by a bit (0 they hit)."""
    repeats = np.ones(len(stack), dtype=bool)
    for one, next_one in ((stack[:, :-1], stack[:, 1:]), (stack[:, :, :-1], stack[:, :, 1:])):
        if one.size:
            repeats &= ((one == next_one) & (one != 0)).any(axis=(1, 2))
    rows, columns = (_windows(stack.shape[axis], rendered.shape[axis], sigma) for axis in (1, 2))
    for index in np.flatnonzero(repeats):
        low, high = (_over(extreme, stack[index], rows, columns) for extreme in (np.minimum, np.maximum))
        constant = low == high
        if constant.any():
            pixels = np.ix_(rows.of_pixel, columns.of_pixel)
            np.copyto(rendered[index], low[pixels], where=constant[pixels])


def _over(extreme: np.ufunc, grid: NDArray[Any], rows: _Windows, columns: _Windows) -> NDArray[Any]:
    """Return the lowest or the highest cell of each window of rows in each window of columns."""
    for axis, windows in enumerate((rows, columns)):
        bounds = np.stack([windows.first, windows.last + 1], axis=1).ravel()
        padded = np.concatenate((grid, grid.take([-1], axis=axis)), axis=axis)
        grid = extreme.reduceat(padded, bounds, axis=axis).take(np.arange(0, bounds.size, 2), axis=axis)
    return grid


def _one_by_one(stack: NDArray[Any], height: int, width: int, sigma: float) -> NDArray[Any]:
    """As ``render``, for maps so large that the matrices would be larger than they are."""
    rendered = np.empty((len(stack), height, width), stack.dtype)
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

    smoothed: NDArray[Any] = gaussian_filter1d(values, sigma, axis=axis, mode="reflect", truncate=_CUT)
    return smoothed
