"""The numbers of a category are exact: equal to scikit-learn's on the same scores, fused on the grid, or absent with a reason."""

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from promptad_db.errors import InputError, UsageError
from promptad_db.metrics import aupro, render
from promptad_db.records import CategoryResult, Render
from promptad_db.scoring import render_maps, score_category

SETTINGS = Render(30, 24, gaussian_sigma=2.0)


def image_result(count=40, **changes):
    random = np.random.default_rng(5)
    labels = (np.arange(count) % 3 == 0).astype(np.int8)
    scores = {branch: np.round(random.random(count) + 0.2 * labels, 2) for branch in ("semantic", "memory")}
    return CategoryResult(
        "carpet", **({"images": list(map(str, range(count))), "labels": labels, "scores": scores} | changes)
    )


def pixel_result(**changes):
    random = np.random.default_rng(6)
    masks = np.zeros((5, 30, 24), dtype=bool)
    masks[1:4, 6:20, 5:15] = True
    maps = {branch: random.random((5, 5, 4)).astype(np.float32) for branch in ("semantic", "memory")}
    maps["semantic"][1:4, 1:3, 1:3] += 0.3
    fields = {
        "images": list("abcde"),
        "labels": masks.any(axis=(1, 2)).astype(np.int8),
        "maps": maps,
        "masks": masks,
        "scores": {branch: values.max(axis=(1, 2)).astype(np.float64) for branch, values in maps.items()},
    }
    return CategoryResult("carpet", **(fields | changes))


def numbers(metrics, level, metric="auroc"):
    return {one.branch: one.value for one in metrics if (one.level, one.metric) == (level, metric)}


def fused_by_hand(rule, semantic, memory):
    return np.maximum(semantic, memory) if rule == "max" else 1 / (1 / semantic + 1 / memory)


def test_image_numbers_equal_those_of_scikit_learn_ties_included():
    result = image_result()
    metrics = score_category(result, None)
    assert set(numbers(metrics, "image")) == {"semantic", "memory", "max", "harmonic"}
    assert numbers(metrics, "pixel") == {}
    for branch, value in numbers(metrics, "image").items():
        assert abs(value - roc_auc_score(result.labels, result.scores[branch])) <= 1e-12
    for branch, value in numbers(metrics, "image", "ap").items():
        assert abs(value - average_precision_score(result.labels, result.scores[branch])) <= 1e-12
    assert {(one.n_pos, one.n_neg, one.provenance) for one in metrics} == {(14, 26, "exact")}


def test_pixel_numbers_equal_those_of_scikit_learn_on_the_rendered_maps():
    result = pixel_result()
    metrics = score_category(result, SETTINGS)
    for branch, maps in result.maps.items():
        rendered = render(maps, 30, 24, gaussian_sigma=2.0)
        truth = result.masks.ravel()
        assert abs(numbers(metrics, "pixel")[branch] - roc_auc_score(truth, rendered.ravel())) <= 1e-12
        assert abs(numbers(metrics, "pixel", "ap")[branch] - average_precision_score(truth, rendered.ravel())) <= 1e-12
        assert numbers(metrics, "pixel", "aupro")[branch] == aupro(rendered, result.masks)
    pixels = {(one.n_pos, one.n_neg) for one in metrics if one.level == "pixel"}
    assert pixels == {(3 * 14 * 10, 5 * 30 * 24 - 3 * 14 * 10)}


@pytest.mark.parametrize("rule", ["max", "harmonic"])
def test_fused_branches_equal_fusing_by_hand_on_the_unrendered_grid(rule):
    result = pixel_result()
    metrics = score_category(result, SETTINGS)
    by_hand = render(fused_by_hand(rule, result.maps["semantic"], result.maps["memory"]), 30, 24, gaussian_sigma=2.0)
    assert abs(numbers(metrics, "pixel")[rule] - roc_auc_score(result.masks.ravel(), by_hand.ravel())) <= 1e-12
    images = fused_by_hand(rule, result.scores["semantic"], result.scores["memory"])
    assert np.array_equal(result.scores[rule], images)
    assert abs(numbers(metrics, "image")[rule] - roc_auc_score(result.labels, images)) <= 1e-12
    assert list(result.maps) == ["semantic", "memory"]
    assert {one.note for one in metrics if one.branch == rule} == {"fused from the stored semantic and memory scores"}


def test_only_the_fusions_asked_for_are_made_and_none_with_one_branch():
    assert set(numbers(score_category(image_result(), None, ("mean",)), "image")) == {"semantic", "memory", "mean"}
    assert set(numbers(score_category(image_result(), None, ()), "image")) == {"semantic", "memory"}
    scores = {"semantic": image_result().scores["semantic"], "gate": image_result().scores["memory"]}
    assert set(numbers(score_category(image_result(scores=scores), None), "image")) == {"semantic", "gate"}


def test_a_fusion_that_does_not_exist_is_refused():
    with pytest.raises(UsageError, match="median"):
        score_category(image_result(), None, ("median",))


def test_a_branch_that_was_logged_is_not_overwritten_by_a_fusion():
    logged = np.linspace(1, 0, 40)
    result = image_result()
    result.scores["max"] = logged.copy()
    metrics = score_category(result, None)
    assert np.array_equal(result.scores["max"], logged)
    assert abs(numbers(metrics, "image")["max"] - roc_auc_score(result.labels, logged)) <= 1e-12
    assert {one.note for one in metrics if one.branch == "max"} == {None}
    pixels = pixel_result()
    own = pixels.maps["semantic"][::-1].copy()
    pixels.maps["harmonic"], pixels.scores["harmonic"] = own, own.max(axis=(1, 2)).astype(np.float64)
    value = numbers(score_category(pixels, SETTINGS), "pixel")["harmonic"]
    assert abs(value - roc_auc_score(pixels.masks.ravel(), render(own, 30, 24, gaussian_sigma=2.0).ravel())) <= 1e-12


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_has_no_image_numbers_but_a_reason(label):
    metrics = score_category(image_result(labels=np.full(40, label, np.int8)), None)
    assert len(metrics) == 4 * 3
    assert {one.value for one in metrics} == {None}
    assert all(one.note for one in metrics)
    assert {(one.n_pos, one.n_neg) for one in metrics} == {(40 * label, 40 - 40 * label)}


@pytest.mark.parametrize("anomalous", [False, True])
def test_masks_of_one_class_have_no_pixel_numbers_but_a_reason(anomalous):
    metrics = score_category(pixel_result(masks=np.full((5, 30, 24), anomalous), labels=None), SETTINGS)
    assert len(metrics) == 4 * 4
    assert {one.value for one in metrics} == {None}
    assert all(one.note for one in metrics)


def test_without_ground_truth_there_is_no_number_at_all():
    assert score_category(image_result(labels=None), None) == []
    assert score_category(pixel_result(labels=None, masks=None), SETTINGS) == []
    assert numbers(score_category(pixel_result(), None), "pixel") == {}


def test_interpolation_none_scores_maps_as_they_are():
    maps = {"semantic": np.random.default_rng(7).random((5, 30, 24)).astype(np.float32)}
    as_is = Render(30, 24, "none", 0.0)
    assert render_maps(maps["semantic"], as_is) is maps["semantic"]
    result = pixel_result(maps=maps, scores={})
    value = numbers(score_category(result, as_is), "pixel")["semantic"]
    assert abs(value - roc_auc_score(result.masks.ravel(), maps["semantic"].ravel())) <= 1e-12


def test_interpolation_none_may_still_smooth():
    from scipy.ndimage import gaussian_filter

    maps = np.random.default_rng(8).random((2, 30, 24)).astype(np.float32)
    smoothed = np.stack([gaussian_filter(one, 2.0) for one in maps])
    assert np.allclose(render_maps(maps, Render(30, 24, "none", 2.0)), smoothed, atol=1e-5)


def test_interpolation_none_refuses_maps_of_another_size():
    with pytest.raises(InputError, match="maps of 5 x 4 cannot be scored at 30 x 24 as is"):
        score_category(pixel_result(), Render(30, 24, "none", 0.0))


def test_negative_image_scores_have_no_harmonic_fusion_but_a_reason_and_lose_nothing_else():
    result = image_result()
    result.scores["semantic"] -= 0.5
    metrics = score_category(result, None)
    found = numbers(metrics, "image")
    assert {branch for branch, value in found.items() if value is None} == {"harmonic"}
    assert set(found) == {"semantic", "memory", "max", "harmonic"}
    assert set(result.scores) == {"semantic", "memory", "max"}
    assert all("negative" in one.note for one in metrics if one.branch == "harmonic")


def test_maps_with_a_negative_score_somewhere_have_no_harmonic_fusion_but_a_reason_and_lose_nothing_else():
    result = pixel_result()
    result.maps["semantic"][0, 0, 0] = -0.1
    assert result.scores["semantic"].min() > 0
    metrics = score_category(result, SETTINGS)
    found = numbers(metrics, "pixel")
    assert {branch for branch, value in found.items() if value is None} == {"harmonic"}
    assert set(found) == {"semantic", "memory", "max", "harmonic"}
    assert all("negative" in one.note for one in metrics if (one.branch, one.level) == ("harmonic", "pixel"))


def test_maps_of_two_grids_are_scored_each_but_not_fused():
    result = pixel_result()
    result.maps["memory"] = result.maps["memory"][:, :3, :3].copy()
    assert set(numbers(score_category(result, SETTINGS), "pixel")) == {"semantic", "memory"}


def test_scoring_changes_neither_scores_nor_maps():
    result, before = pixel_result(), pixel_result()
    score_category(result, SETTINGS)
    for branch in ("semantic", "memory"):
        assert np.array_equal(result.maps[branch], before.maps[branch])
        assert np.array_equal(result.scores[branch], before.scores[branch])
    assert np.array_equal(result.masks, before.masks)
