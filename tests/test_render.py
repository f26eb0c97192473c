"""Rendering equals upsampling followed by a Gaussian filter."""

import tracemalloc

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from promptad_db.errors import InputError
from promptad_db.limits import LARGEST_SIGMA
from promptad_db.metrics import render
from promptad_db.metrics.rendering import axis_matrix

SIZES = [
    ((15, 15), (240, 240)),
    ((15, 15), (400, 400)),
    ((7, 4), (33, 90)),
    ((1, 1), (5, 6)),
    ((3, 2), (3, 2)),
    ((20, 30), (8, 7)),
]


def upsample(grid, height, width):
    """Bilinear interpolation, one pixel after the other."""
    image = np.empty((height, width))
    for y in range(height):
        for x in range(width):
            v = min(max((y + 0.5) * grid.shape[0] / height - 0.5, 0), grid.shape[0] - 1)
            u = min(max((x + 0.5) * grid.shape[1] / width - 0.5, 0), grid.shape[1] - 1)
            top, left = int(v), int(u)
            bottom, right = min(top + 1, grid.shape[0] - 1), min(left + 1, grid.shape[1] - 1)
            above = grid[top, left] * (1 - (u - left)) + grid[top, right] * (u - left)
            under = grid[bottom, left] * (1 - (u - left)) + grid[bottom, right] * (u - left)
            image[y, x] = above * (1 - (v - top)) + under * (v - top)
    return image


@pytest.mark.parametrize(("size_in", "size_out"), SIZES)
@pytest.mark.parametrize("sigma", [0, 1.5, 4.0])
def test_rendering_is_upsampling_then_a_gaussian(size_in, size_out, sigma):
    grid = np.random.default_rng(0).random(size_in).astype(np.float32)
    image = upsample(grid.astype(np.float64), *size_out)
    expected = gaussian_filter(image, sigma, mode="reflect", truncate=4.0) if sigma else image
    rendered = render(grid, *size_out, gaussian_sigma=sigma)
    assert rendered.dtype == np.float32
    assert rendered.shape == (1, *size_out)
    assert np.abs(rendered[0] - expected).max() < 1e-6


@pytest.mark.parametrize(("size_in", "size_out"), SIZES)
@pytest.mark.parametrize("sigma", [0, 1.5, 4.0])
def test_large_maps_are_rendered_to_the_same_without_a_matrix(size_in, size_out, sigma, monkeypatch):
    grids = np.random.default_rng(0).random((2, *size_in)).astype(np.float32)
    by_matrix = render(grids, *size_out, gaussian_sigma=sigma)
    monkeypatch.setattr("promptad_db.metrics.rendering.LARGEST_MATRIX", 0)
    one_by_one = render(grids, *size_out, gaussian_sigma=sigma)
    assert one_by_one.dtype == np.float32
    assert np.abs(one_by_one - by_matrix).max() < 1e-6


@pytest.mark.parametrize(
    ("size_in", "size_out", "sigma"),
    [
        ((15, 15), (400, 400), LARGEST_SIGMA),
        ((16384, 1), (16384, 1), 4.0),
        ((15, 1), (16384, 1), LARGEST_SIGMA),
        ((1, 1), (8192, 1), 4.0),
    ],
)
def test_rendering_takes_little_memory_at_its_bounds(size_in, size_out, sigma):
    grid = np.random.default_rng(3).random(size_in).astype(np.float32)
    tracemalloc.start()
    rendered = render(grid, *size_out, gaussian_sigma=sigma)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rendered.shape == (1, *size_out)
    assert most < 32 << 20


def test_a_gaussian_wider_than_the_picture_leaves_its_mean():
    grid = np.random.default_rng(4).random((15, 15)).astype(np.float32)
    rendered = render(grid, 100, 100, gaussian_sigma=LARGEST_SIGMA)
    assert np.ptp(rendered) < 1e-6
    assert abs(rendered.mean() - render(grid, 100, 100, gaussian_sigma=0).mean()) < 1e-6


@pytest.mark.parametrize(("size_in", "size_out"), SIZES)
def test_rendering_equals_torch(size_in, size_out):
    torch = pytest.importorskip("torch")
    grids = np.random.default_rng(1).random((3, *size_in)).astype(np.float32)
    # In float32 torch's own pixel coordinates are off by more than our whole result.
    tensor = torch.from_numpy(grids.astype(np.float64))[:, None]
    up = torch.nn.functional.interpolate(tensor, size=size_out, mode="bilinear")[:, 0].numpy()
    assert np.abs(render(grids, *size_out, gaussian_sigma=0) - up).max() < 1e-6
    filtered = np.stack([gaussian_filter(image, 4) for image in up])
    assert np.abs(render(grids, *size_out) - filtered).max() < 1e-6


def test_a_stack_is_rendered_map_by_map():
    grids = np.random.default_rng(2).random((4, 5, 6))
    together = render(grids, 20, 30)
    assert together.shape == (4, 20, 30)
    for grid, image in zip(grids, together, strict=True):
        assert np.allclose(render(grid, 20, 30)[0], image, rtol=0, atol=1e-6)


def test_no_maps_render_to_no_maps():
    assert render(np.zeros((0, 15, 15)), 24, 24).shape == (0, 24, 24)


def test_a_constant_map_stays_constant():
    assert np.allclose(render(np.full((15, 15), 0.7), 240, 240), 0.7, rtol=0, atol=1e-6)


@pytest.mark.parametrize("matrix", ["matrix", "one by one"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("size_in", "size_out"), SIZES)
def test_maps_that_are_constant_stay_so_to_the_last_bit(size_in, size_out, dtype, matrix, monkeypatch):
    if matrix != "matrix":
        monkeypatch.setattr("promptad_db.metrics.rendering.LARGEST_MATRIX", 0)
    values = np.array([0.7, 1e-3, -3.3, 1 / 3], dtype)
    rendered = render(np.ones((4, *size_in), dtype) * values[:, None, None], *size_out)
    assert rendered.dtype == dtype
    assert all((pixels == value).all() for pixels, value in zip(rendered, values, strict=True))


def test_a_constant_region_stays_constant_and_the_rest_as_it_was(monkeypatch):
    grid = np.random.default_rng(5).random((12, 10)).astype(np.float32)
    grid[4:10, 2:9] = 0.7
    rendered = render(grid, 96, 80, gaussian_sigma=1.5)[0]
    # Half a cell of eight pixels blends with the neighbours, and the Gaussian reaches four sigma further.
    inside = slice(4 * 8 + 10, 10 * 8 - 10), slice(2 * 8 + 10, 9 * 8 - 10)
    assert (rendered[inside] == np.float32(0.7)).all()
    monkeypatch.setattr("promptad_db.metrics.rendering._keep_constant", lambda *_: None)
    plain = render(grid, 96, 80, gaussian_sigma=1.5)[0]
    assert (plain[inside] != np.float32(0.7)).any()
    assert np.abs(rendered - plain).max() < 1e-6
    changed = np.argwhere(rendered != plain)
    assert (changed >= (4 * 8, 2 * 8)).all()
    assert (changed < (10 * 8, 9 * 8)).all()


def test_doubles_are_rendered_as_doubles():
    grid = 1 - np.arange(225).reshape(15, 15) * 1e-12
    rendered = render(grid, 240, 240, gaussian_sigma=1.5)
    assert rendered.dtype == np.float64
    assert np.abs(rendered[0] - gaussian_filter(upsample(grid, 240, 240), 1.5)).max() < 1e-15
    whole = render(np.arange(4).reshape(2, 2) + 2**24, 2, 2, gaussian_sigma=0)
    assert whole.ravel().tolist() == [2**24, 2**24 + 1, 2**24 + 2, 2**24 + 3]


def test_half_precision_and_integers_are_rendered_as_float32():
    grid = np.arange(9).reshape(3, 3)
    assert np.array_equal(render(grid.astype(np.float16), 9, 9), render(grid, 9, 9))


def test_a_matrix_is_made_once_and_cannot_be_changed():
    matrix = axis_matrix(15, 240, 4.0)
    assert axis_matrix(15, 240, 4.0) is matrix
    with pytest.raises(ValueError, match="read-only"):
        matrix[0, 0] = 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_grids_that_are_not_finite_are_refused(bad):
    with pytest.raises(InputError, match="finite"):
        render([[0.1, bad]], 4, 4)


@pytest.mark.parametrize("shape", [(), (3,), (1, 2, 3, 4), (0, 3), (2, 3, 0)])
def test_grids_of_another_shape_are_refused(shape):
    with pytest.raises(InputError, match=r"\[N, h, w\]"):
        render(np.zeros(shape), 4, 4)


def test_grids_that_are_not_numbers_are_refused():
    with pytest.raises(InputError, match="must be numbers"):
        render([["a"]], 4, 4)


@pytest.mark.parametrize(("height", "width"), [(0, 4), (4, 0), (-1, 4), (16385, 1), (1, 10**9), (16384, 16384)])
def test_sizes_that_no_picture_has_are_refused(height, width):
    with pytest.raises(InputError, match=f"{height} x {width}"):
        render(np.zeros((2, 2)), height, width)


@pytest.mark.parametrize("sigma", [-1, np.nan, np.inf, 1000.5, 1e7, 1e9])
def test_a_sigma_that_is_no_width_is_refused(sigma):
    with pytest.raises(InputError, match="gaussian_sigma"):
        render(np.zeros((2, 2)), 4, 4, gaussian_sigma=sigma)
