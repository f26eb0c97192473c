"""AUPRO equals a slow reference that walks every threshold, and shares its ranking with the other pixel metrics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptad_db.errors import InputError
from promptad_db.metrics import (
    OneClassError,
    PixelTruth,
    aupro,
    auroc,
    average_precision,
    f1_max,
    pixel_metrics,
    placements,
)
from promptad_db.metrics.ranking import SMALL


def flood(mask):
    """The 8-connected regions of a mask, each a list of (row, column)."""
    left = {(int(y), int(x)) for y, x in np.argwhere(mask)}
    while left:
        region, frontier = [], [left.pop()]
        while frontier:
            y, x = frontier.pop()
            region.append((y, x))
            for neighbour in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                if neighbour in left:
                    left.remove(neighbour)
                    frontier.append(neighbour)
        yield region


def reference(maps, masks, limit):
    maps = maps.astype(np.float64)
    regions = [
        [image[y, x] for y, x in region] for image, mask in zip(maps, masks, strict=True) for region in flood(mask)
    ]
    normal = maps[~masks]
    area, fpr, pro = 0.0, 0.0, 0.0
    for threshold in np.unique(maps)[::-1]:
        next_fpr = np.mean(normal >= threshold)
        next_pro = np.mean([np.mean(np.array(region) >= threshold) for region in regions])
        if next_fpr > limit:
            at_limit = pro + (next_pro - pro) * (limit - fpr) / (next_fpr - fpr)
            return (area + (limit - fpr) * (pro + at_limit) / 2) / limit
        area += (next_fpr - fpr) * (pro + next_pro) / 2
        fpr, pro = next_fpr, next_pro
    return area / limit


@st.composite
def pixels(draw):
    shape = draw(st.tuples(st.integers(1, 3), st.integers(1, 6), st.integers(2, 6)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    masks = rng.random(shape) < draw(st.sampled_from([0.05, 0.3, 0.7]))
    masks[0, 0, :2] = False, True
    maps = rng.random(shape) + draw(st.sampled_from([0.0, 0.5])) * masks
    levels = draw(st.sampled_from([1, 2, 5, 1000]))
    return np.round(maps * levels).astype(np.float32), masks


@settings(max_examples=200, deadline=None)
@given(pixels(), st.sampled_from([0.01, 0.05, 0.3, 0.5, 1.0]))
def test_aupro_equals_the_curve_over_every_threshold(sample, limit):
    assert aupro(*sample, fpr_limit=limit) == pytest.approx(reference(*sample, limit), rel=0, abs=1e-9)


@settings(max_examples=50, deadline=None)
@given(pixels())
def test_all_pixel_metrics_equal_each_alone_bit_for_bit(sample):
    assert pixel_metrics(*sample) == {
        "auroc": auroc(*sample),
        "ap": average_precision(*sample),
        "f1_max": f1_max(*sample),
        "aupro": aupro(*sample),
    }


def test_metrics_and_placements_of_one_ranking_are_those_of_each():
    rng = np.random.default_rng(3)
    maps, masks = rng.random((3, 8, 9)), rng.random((3, 8, 9)) < 0.2
    metrics, found = PixelTruth(masks).metrics_and_placements(maps)
    assert metrics == pixel_metrics(maps, masks, fpr_limit=0.3)
    assert found.pos_sum.tolist() == placements(maps, masks).pos_sum.tolist()
    other = PixelTruth(masks).metrics_and_placements(maps, 0.1)[0]["aupro"]
    assert other == PixelTruth(masks).aupro(maps, 0.1) == aupro(maps, masks, 0.1) != metrics["aupro"]


def test_aupro_of_many_pixels_equals_the_reference():
    rng = np.random.default_rng(5)
    masks = np.zeros((3, 120, 120), bool)
    masks[0, 5:25, 7:20] = masks[2, 60:64, 60:110] = masks[2, 0, 0] = True
    maps = (rng.integers(0, 400, masks.shape) + 150 * masks).astype(np.float16)
    assert maps.size > SMALL
    assert aupro(maps, masks) == pytest.approx(reference(maps, masks, 0.3), rel=0, abs=1e-9)


def test_regions_that_touch_diagonally_are_one():
    masks = np.zeros((1, 4, 4), bool)
    masks[0, 0, 0] = masks[0, 1, 1] = masks[0, 1, 2] = True
    maps = np.zeros((1, 4, 4), np.float32)
    maps[0, 0, 0] = 1.0
    # One region of three pixels, one of them found: as two regions, half of them would be.
    found, limit = 1 / 3, 0.3
    assert aupro(maps, masks) == pytest.approx(found + (1 - found) * limit / 2)


def test_regions_never_reach_into_the_next_image():
    masks = np.zeros((2, 2, 2), bool)
    masks[0, 1] = masks[1, 0, 0] = True
    maps = np.zeros((2, 2, 2), np.float32)
    maps[1, 0, 0] = 1.0
    assert aupro(maps, masks, fpr_limit=1) == pytest.approx(reference(maps, masks, 1), rel=0, abs=1e-12)
    assert aupro(maps, masks, fpr_limit=1) == pytest.approx(0.75)


def test_a_small_region_counts_as_much_as_a_large_one():
    masks = np.zeros((6, 20), bool)
    masks[:, :10] = masks[3, 15] = True
    maps = np.zeros((6, 20))
    maps[3, 15] = 1.0
    assert aupro(maps, masks, fpr_limit=1e-9) == pytest.approx(0.5)


def test_a_perfect_map_scores_one_at_any_limit():
    masks = np.zeros((2, 8, 8), bool)
    masks[0, 1:4, 2:5] = masks[1, 6, 6] = True
    for limit in (1e-6, 0.3, 1.0):
        assert aupro(masks.astype(np.float32), masks, fpr_limit=limit) == 1.0


def test_rounding_lifts_no_perfect_map_over_one():
    masks = np.zeros((4, 108), bool)
    for number in range(27):  # regions of one to six pixels, whose weights add up to a little more than 1
        masks[: 1 + number % 3, 4 * number : 4 * number + 1 + number % 2] = True
    assert aupro(masks.astype(np.float32), masks) == 1.0


def test_a_constant_map_scores_half_the_limit():
    masks = np.eye(5, dtype=bool)
    assert aupro(np.ones((5, 5)), masks, fpr_limit=0.3) == pytest.approx(0.15)


def test_one_image_is_a_stack_of_one():
    rng = np.random.default_rng(0)
    maps, masks = rng.random((9, 7)), rng.random((9, 7)) < 0.2
    assert pixel_metrics(maps, masks) == pixel_metrics(maps[None], masks[None].astype(np.uint8))


@pytest.mark.parametrize("limit", [0, -0.1, 1.01, np.nan, np.inf])
def test_a_limit_outside_zero_to_one_is_refused(limit):
    with pytest.raises(InputError, match="fpr_limit"):
        aupro(np.ones((2, 2)), np.eye(2), fpr_limit=limit)


@pytest.mark.parametrize("metric", [aupro, pixel_metrics])
def test_pixels_that_are_not_images_are_refused(metric):
    with pytest.raises(InputError, match=r"\[N, H, W\]"):
        metric([0.1, 0.2], [0, 1])
    with pytest.raises(InputError, match=r"\(2, 2\).*\(2, 3\)"):
        metric(np.ones((2, 2)), np.ones((2, 3)))


@pytest.mark.parametrize("metric", [aupro, pixel_metrics])
def test_masks_of_one_class_leave_pixel_metrics_undefined(metric):
    with pytest.raises(OneClassError, match="anomalous"):
        metric(np.ones((1, 2, 2)), np.zeros((1, 2, 2)))
    with pytest.raises(OneClassError, match="normal"):
        metric(np.ones((1, 2, 2)), np.ones((1, 2, 2)))
