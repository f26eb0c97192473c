"""Calibrations keep the order of scores, and say why where there is no scale to be had."""

import numpy as np
import pytest

from promptad_db.errors import InputError, UsageError
from promptad_db.fusion.calibration import CALIBRATIONS, calibrator

SCORES = np.float32([[0.2, 0.8], [0.4, 0.4]])
SHOTS = np.float32([0.1, 0.2, 0.3])


def test_none_leaves_scores_as_they_are():
    assert calibrator("none", SCORES)(SCORES) is SCORES


def test_minmax_takes_the_lowest_score_to_zero_and_the_highest_to_one():
    assert calibrator("minmax", SCORES)(SCORES) == pytest.approx(np.array([[0, 1], [1 / 3, 1 / 3]]))


def test_rank_is_the_share_of_scores_below_ties_one_half():
    assert calibrator("rank", SCORES)(SCORES).tolist() == [[0.125, 0.875], [0.5, 0.5]]


def test_zscore_normal_is_in_standard_deviations_of_the_shots():
    calibrated = calibrator("zscore-normal", SCORES, SHOTS)(SCORES)
    assert calibrated == pytest.approx(np.array([[0, 6], [2, 2]]), abs=1e-5)


@pytest.mark.parametrize("method", CALIBRATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_calibration_keeps_order_shape_and_floating_type(method, dtype):
    scores = np.random.default_rng(0).random((4, 5)).astype(dtype)
    calibrated = calibrator(method, scores, SHOTS)(scores)
    assert (calibrated.shape, calibrated.dtype) == (scores.shape, dtype)
    assert np.array_equal(np.argsort(calibrated, axis=None), np.argsort(scores, axis=None))


@pytest.mark.parametrize("method", ["minmax", "rank"])
def test_a_constant_branch_tells_nothing_and_lies_in_the_middle(method):
    same = np.full(4, 0.7)
    assert calibrator(method, same)(same).tolist() == [0.5] * 4


def test_an_image_score_is_calibrated_as_the_place_of_its_map_that_has_it():
    maps = np.random.default_rng(1).random((5, 3, 3)).astype(np.float32)
    images = maps.max(axis=(1, 2)).astype(np.float64)
    for method in CALIBRATIONS:
        calibrate = calibrator(method, maps, SHOTS)
        assert calibrate(images) == pytest.approx(calibrate(maps).max(axis=(1, 2)))


@pytest.mark.parametrize(
    ("shots", "reason"),
    [
        (None, "scores of its K shots are not stored"),
        (np.float32([0.3]), "only shot has one score"),
        (np.float32([0.3, 0.3]), "all scores of its K shots are 0.3"),
    ],
)
def test_zscore_normal_without_a_spread_of_the_shots_says_why(shots, reason):
    with pytest.raises(InputError, match=reason):
        calibrator("zscore-normal", SCORES, shots)


def test_an_unknown_calibration_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"(?s)'softmax'.*zscore-normal"):
        calibrator("softmax", SCORES)


def test_scores_that_only_doubles_tell_apart_stay_apart():
    values = np.float32([-1e4, 1e-7, 2e-7])
    calibrated = calibrator("minmax", values)(values)
    assert calibrated.dtype == np.float64
    assert np.unique(calibrated).size == 3
    assert calibrator("minmax", values[:2])(values[:2]).dtype == np.float32
