"""Variances, intervals and tests of AUROCs: against others' implementations, first principles, the bootstrap, simulation."""

from __future__ import annotations

import json
import math
from itertools import product

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from MLstatkit import Delong_test
from scipy import special, stats
from statsmodels.stats.multitest import multipletests

from promptad_db.metrics import auroc, placements
from promptad_db.metrics.intervals import auroc_of, interval_of, paired_difference, spread
from promptad_db.metrics.ranking import rank
from promptad_db.stats.student import signed_ranks, student_quantile, student_two_sided
from promptad_db.stats.uncertainty import Spread, Uncertainty, auroc_interval, difference_interval, holm, uncertainty

TEN = (
    "mvtec/carpet", "mvtec/grid", "mvtec/hazelnut", "mvtec/metal_nut", "mvtec/toothbrush", "mvtec/transistor",
    "visa/capsules", "visa/cashew", "visa/pcb2", "visa/pipe_fryum",
)  # fmt: skip


def kernel(scores, labels):
    """1 where a positive is above a negative, one half where they are equal: positives x negatives."""
    labels = labels.astype(bool)
    difference = scores[labels][:, None] - scores[~labels][None, :]
    return (difference > 0) + 0.5 * (difference == 0)


def plain_covariance(branches, labels):
    """DeLong, DeLong and Clarke-Pearson (1988), equations 4 to 7, as they stand there: O(n^2)."""
    kernels = [kernel(scores, labels) for scores in branches]
    v10 = np.array([one.mean(axis=1) for one in kernels])
    v01 = np.array([one.mean(axis=0) for one in kernels])
    return np.cov(v10) / v10.shape[1] + np.cov(v01) / v01.shape[1]


def plain_clustered_variance(scores, labels, images):
    """Obuchowski (1997) for one curve, pixel by pixel from its S10, S01 and S11."""
    labels = labels.astype(bool)
    wins = kernel(scores, labels)
    v10, v01, area = wins.mean(axis=1), wins.mean(axis=0), wins.mean()
    m, n = wins.shape
    names = np.unique(images)
    x = np.array([(v10[images[labels] == name] - area).sum() for name in names])
    y = np.array([(v01[images[~labels] == name] - area).sum() for name in names])
    i10, i01, i = len(set(images[labels])), len(set(images[~labels])), len(names)
    s10 = i10 / ((i10 - 1) * m) * (x @ x)
    s01 = i01 / ((i01 - 1) * n) * (y @ y)
    s11 = i / (i - 1) * (x @ y)
    return s10 / m + s01 / n + 2 * s11 / (m * n)


def variance_of(*terms, clustered=False):
    found = uncertainty([spread(*terms)], clustered=clustered, difference=len(terms) > 1)
    return None if found is None else found.variance


def draw_images(rng, n, contrast, anomalous=0.5, pixels=100):
    """Maps with a level of their own image, and defects of very different sizes and strengths."""
    scores = rng.normal(0, 1, (n, pixels)) + rng.normal(0, 0.5, (n, 1))
    masks = np.zeros((n, pixels), bool)
    for image in range(int(n * anomalous)):
        masks[image, : int(np.clip(np.exp(rng.normal(1.7, 0.7)), 1, 60))] = True
    return (scores + masks * (contrast + rng.normal(0, 0.7, (n, 1)))).astype(np.float32), masks


@pytest.fixture(scope="module", params=TEN)
def measured(request, shared_gate):
    dataset, category = request.param.split("/")
    path = shared_gate / dataset / "k_1" / "metadata" / "cls" / f"{category}_seed111_max.json"
    content = json.loads(path.read_text())
    names = ("semantic_scores", "memory_scores", "labels")
    return [np.array(content[name], dtype=np.float64).ravel() for name in names]


def test_delong_on_real_scores_agrees_with_mlstatkit_and_with_the_definition(measured):
    semantic, memory, labels = measured
    a, b = placements(semantic, labels), placements(memory, labels)
    wanted = plain_covariance((semantic, memory), labels)
    assert math.isclose(variance_of((1, a)) or 0.0, wanted[0, 0], rel_tol=1e-10, abs_tol=1e-18)
    assert math.isclose(variance_of((1, b)) or 0.0, wanted[1, 1], rel_tol=1e-10, abs_tol=1e-18)
    found = paired_difference(a, b)
    z, p_value, _, _, auroc_a, auroc_b, info = Delong_test(labels, semantic, memory, random_state=0)
    assert math.isclose(auroc_of(a), auroc_a, abs_tol=1e-12)
    assert math.isclose(auroc_of(b), auroc_b, abs_tol=1e-12)
    if found is None:
        assert 1.0 in (auroc_of(a), auroc_of(b))
        return
    difference, uncertain = found
    assert info["method"] == "delong"
    assert math.isclose(uncertain.variance, info["var_diff"], rel_tol=1e-10)
    assert math.isclose(difference / math.sqrt(uncertain.variance), z, rel_tol=1e-9)
    assert math.isclose(uncertain.p_value(difference), p_value, rel_tol=1e-9)


def test_the_bootstrap_of_real_scores_agrees_within_its_error(measured):
    semantic, memory, labels = measured
    found = paired_difference(placements(semantic, labels), placements(memory, labels))
    if found is None:
        pytest.skip("an AUROC of exactly 1 has no variance")
    rng, repeats = np.random.default_rng(0), 2000
    wins = kernel(memory, labels) - kernel(semantic, labels)
    m, n = wins.shape
    rows, columns = rng.multinomial(m, np.full(m, 1 / m), repeats), rng.multinomial(n, np.full(n, 1 / n), repeats)
    resampled = ((rows @ wins) * columns).sum(axis=1) / (m * n)
    # The bootstrap's standard error of a standard deviation, and what its own 1 / n is off by, three times.
    assert abs(resampled.std() / math.sqrt(found[1].variance) - 1) < 3 / math.sqrt(2 * repeats) + 1.5 / min(m, n)


def test_the_cluster_bootstrap_of_pixels_agrees_within_its_error():
    rng, repeats = np.random.default_rng(1), 500
    scores, masks = draw_images(rng, 150, 2.0)
    wanted = math.sqrt(variance_of((1, placements(scores, masks)), clustered=True))
    resampled = [auroc(scores[chosen], masks[chosen]) for chosen in rng.integers(0, 150, (repeats, 150))]
    assert abs(np.std(resampled) / wanted - 1) < 0.15


@pytest.mark.parametrize("seed", range(4))
def test_the_clustered_variance_is_obuchowskis(seed):
    rng = np.random.default_rng(seed)
    scores, masks = draw_images(rng, 12, 1.5, pixels=30)
    scores = np.round(scores, 1)
    images = np.repeat(np.arange(12), 30)
    wanted = plain_clustered_variance(scores.ravel(), masks.ravel(), images)
    assert math.isclose(variance_of((1, placements(scores, masks)), clustered=True), wanted, rel_tol=1e-9)


samples = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4), st.booleans()), min_size=6, max_size=40).filter(
    lambda rows: 2 <= sum(row[2] for row in rows) <= len(rows) - 2
)


@given(samples)
def test_images_of_one_score_give_delongs_covariance(rows):
    one, other, labels = (np.array(column) for column in zip(*rows, strict=True))
    a, b = placements(one.astype(float), labels), placements(other.astype(float), labels)
    wanted = plain_covariance((one, other), labels)
    for terms, value in (
        (((1, a),), wanted[0, 0]),
        (((1, b),), wanted[1, 1]),
        (((-1, a), (1, b)), wanted[0, 0] + wanted[1, 1] - 2 * wanted[0, 1]),
        (((0.5, a), (0.5, b)), (wanted[0, 0] + wanted[1, 1] + 2 * wanted[0, 1]) / 4),
    ):
        assert math.isclose(variance_of(*terms) or 0.0, value, rel_tol=1e-8, abs_tol=1e-15)


@given(samples, st.randoms(use_true_random=False), st.integers(1, 5))
def test_neither_the_order_of_images_nor_that_of_pixels_matters(rows, random, width):
    rows = rows[: len(rows) // width * width]
    values, _, labels = (np.array(column).reshape(-1, width) for column in zip(*rows, strict=True))
    if not labels.any() or labels.all():
        return
    order = list(range(len(values)))
    random.shuffle(order)
    before = variance_of((1, placements(values, labels)), clustered=width > 1)
    after = variance_of((1, placements(values[order][:, ::-1], labels[order][:, ::-1])), clustered=width > 1)
    assert (before is None) == (after is None)
    assert before is None or math.isclose(before, after, rel_tol=1e-9)


def test_with_every_image_twice_the_sum_of_squares_halves():
    scores, masks = draw_images(np.random.default_rng(2), 20, 2.0)
    once = spread((1, placements(scores, masks)))
    twice = spread((1, placements(np.concatenate((scores, scores)), np.concatenate((masks, masks)))))
    for name in ("positive", "negative", "mixed"):
        assert math.isclose(getattr(twice, name), getattr(once, name) / 2, rel_tol=1e-9)


@settings(max_examples=60)
@given(
    st.integers(0, 10**6), st.sampled_from([1, 2, 7, 60]), st.sampled_from([None, 1, 0]), st.sampled_from([0.02, 0.4])
)
def test_placements_by_buckets_are_those_of_every_pair(seed, width, decimals, share):
    rng = np.random.default_rng(seed)
    scores = rng.normal(0, 1, (12, width)).astype(np.float32)
    labels = rng.random((12, width)) < share
    labels.flat[:2] = (True, False) if width > 1 else labels.flat[:2]
    labels[0, 0], labels[1, 0] = True, False
    scores = scores + labels.astype(np.float32)
    scores = scores if decimals is None else np.round(scores, decimals)
    wins = kernel(scores.ravel(), labels.ravel())
    images = np.repeat(np.arange(12), width)
    pos = np.bincount(images[labels.ravel()], wins.mean(axis=1), 12)
    neg = np.bincount(images[~labels.ravel()], wins.mean(axis=0), 12)
    for small in (0, 1 << 15):
        found = placements(scores, labels, rank(scores, labels, small=small))
        assert np.allclose(found.pos_sum, pos, rtol=1e-12, atol=1e-12)
        assert np.allclose(found.neg_sum, neg, rtol=1e-12, atol=1e-12)
        assert found.n_pos.tolist() == labels.sum(axis=1).tolist()


def test_placements_of_whole_maps_add_up_to_the_auroc_from_both_sides():
    rng = np.random.default_rng(3)
    masks = rng.random((5, 120, 120)) < 0.03
    for maps in (
        rng.random((5, 120, 120), dtype=np.float32),
        rng.integers(0, 9, (5, 120, 120)),
        np.exp(9 * rng.random(masks.shape)),
    ):
        found = placements(maps, masks)
        value = auroc(maps, masks)
        assert math.isclose(found.pos_sum.sum() / found.n_pos.sum(), value, rel_tol=1e-13)
        assert math.isclose(found.neg_sum.sum() / found.n_neg.sum(), value, rel_tol=1e-13)


@pytest.mark.parametrize("labels", [[0, 0, 1, 1], [1, 1, 0, 0]])
def test_an_auroc_of_exactly_one_or_zero_has_no_interval_and_no_p_value(labels):
    sure = placements([0.1, 0.2, 0.8, 0.9], labels)
    unsure = placements([0.1, 0.8, 0.2, 0.9], labels)
    assert interval_of(sure) == (None, None)
    assert interval_of(unsure) != (None, None)
    assert paired_difference(sure, unsure) is None
    assert paired_difference(unsure, sure) is None


def test_one_image_of_a_class_and_equal_rankings_have_no_p_value():
    labels = [0, 0, 0, 1]
    one = placements([0.1, 0.5, 0.3, 0.4], labels)
    assert interval_of(one) == (None, None)
    assert paired_difference(one, placements([0.5, 0.1, 0.3, 0.4], labels)) is None
    same = placements([0.1, 0.8, 0.2, 0.9], [0, 0, 1, 1])
    assert paired_difference(same, placements([1.0, 80.0, 2.0, 90.0], [0, 0, 1, 1])) is None


def test_degrees_of_freedom_are_satterthwaites_of_both_sums_and_at_least_one():
    one = Spread(0.04, 0.01, 0.002, 0.0008, 0.00002, n_pos=5, n_neg=11, n=16)
    positive, negative = 0.04 * 5 / 4, 0.01 * 11 / 10
    variance = positive + negative + 2 * 0.002 * 16 / 15
    of_difference = uncertainty([one], clustered=True, difference=True)
    assert of_difference.variance == pytest.approx(variance)
    assert of_difference.freedom == pytest.approx(variance**2 / (positive**2 / 4 + negative**2 / 10))
    # Two images and five effectively carry the two sums of an AUROC.
    of_auroc = uncertainty([one], clustered=True, difference=False)
    assert of_auroc.freedom == pytest.approx(variance**2 / (positive**2 / 2 + negative**2 / 5))
    assert uncertainty([one] * 3, clustered=True, difference=True).freedom == pytest.approx(3 * of_difference.freedom)
    assert math.isinf(uncertainty([one], clustered=False, difference=True).freedom)
    alone = Spread(0.04, 0.0, -0.01, 0.0016, 0.0, n_pos=2, n_neg=2, n=3)
    assert uncertainty([alone], clustered=True, difference=False).freedom == 1


def test_reach_and_p_value_are_those_of_students_t_and_of_the_normal_distribution():
    pixels, images = Uncertainty(0.04, freedom=7.0), Uncertainty(0.04)
    assert pixels.reach(0.9) == pytest.approx(0.2 * stats.t.ppf(0.95, 7))
    assert images.reach(0.9) == pytest.approx(0.2 * stats.norm.ppf(0.95))
    assert pixels.p_value(-0.3) == pytest.approx(2 * stats.t.sf(1.5, 7))
    assert images.p_value(-0.3) == pytest.approx(2 * stats.norm.sf(1.5))


def test_images_of_many_pixels_have_intervals_of_students_t():
    rng = np.random.default_rng(4)
    labels = rng.random((6, 20)) < 0.3
    one, other = (placements(rng.random(labels.shape) + 0.5 * labels, labels) for _ in range(2))
    found = uncertainty([spread((1.0, one))], clustered=True, difference=False)
    assert interval_of(one) == auroc_interval(auroc_of(one), found)
    assert interval_of(one) != auroc_interval(auroc_of(one), Uncertainty(found.variance))
    difference, of_pair = paired_difference(one, other)
    assert difference == auroc_of(other) - auroc_of(one)
    assert of_pair == uncertainty([spread((-1.0, one), (1.0, other))], clustered=True, difference=True)


@pytest.mark.parametrize("auroc", [0.1, 0.5, 0.97])
def test_the_interval_of_an_auroc_is_symmetric_on_the_logit_scale(auroc):
    found = Uncertainty(0.0004)
    reach = found.reach() / (auroc * (1 - auroc))
    wanted = special.expit([special.logit(auroc) - reach, special.logit(auroc) + reach])
    assert auroc_interval(auroc, found) == pytest.approx(wanted)
    for undefined in (0.0, 1.0, None):
        assert auroc_interval(undefined, found) == (None, None)


def test_the_interval_of_a_difference_is_symmetric_and_cut_at_one():
    found = Uncertainty(0.04)
    reach = found.reach()
    assert difference_interval(0.1, found) == (0.1 - reach, 0.1 + reach)
    assert difference_interval(0.9, found) == (0.9 - reach, 1.0)
    assert difference_interval(-0.9, found) == (-1.0, -0.9 + reach)
    assert difference_interval(None, found) == difference_interval(0.1, None) == (None, None)


def test_intervals_stay_within_what_is_possible_and_widen_with_the_level():
    wide = Uncertainty(0.04)
    low, high = auroc_interval(0.97, wide)
    assert 0 < low < 0.97 < high < 1
    assert auroc_interval(0.97, wide, 0.5)[0] > low
    assert difference_interval(-0.9, wide)[0] == -1.0
    assert auroc_interval(None, wide) == auroc_interval(0.5, None) == difference_interval(0.5, None) == (None, None)
    assert auroc_interval(0.97, Uncertainty(0.04, freedom=4.0))[0] < low
    assert math.isclose(Uncertainty(0.04, 4.0).p_value(0.3), 2 * stats.t.sf(1.5, 4), rel_tol=1e-9)


@settings(deadline=None, max_examples=15)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_that_of_statsmodels(p_values):
    assert np.allclose(holm(p_values), multipletests(p_values, method="holm")[1], atol=1e-12)


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=12).filter(lambda values: sum(map(bool, values)) > 1))
def test_signed_ranks_with_ties_are_those_of_every_choice_of_signs(values):
    effect, p_value = signed_ranks([value / 1000 for value in values])
    nonzero = np.array([value for value in values if value])
    ranks = stats.rankdata(np.abs(nonzero))
    signs = np.array(list(product((0, 1), repeat=len(ranks))))
    sums, found = signs @ ranks, ranks[nonzero > 0].sum()
    tail = min((sums <= found + 1e-9).mean(), (sums >= found - 1e-9).mean())
    assert math.isclose(p_value, min(1.0, 2 * tail), rel_tol=1e-9)
    assert math.isclose(effect, (2 * found - ranks.sum()) / ranks.sum(), abs_tol=1e-12)


@pytest.mark.parametrize("count", [2, 5, 27, 50, 51, 300])
def test_signed_ranks_without_ties_are_those_of_scipy(count):
    values = np.random.default_rng(count).normal(0.2, 1, count)
    assert math.isclose(signed_ranks(values.tolist())[1], stats.wilcoxon(values).pvalue, rel_tol=1e-9)
    assert signed_ranks([0.0, 0.3]) == (None, None)


@given(st.floats(0, 30), st.floats(1, 1e5))
@example(3.3e-6, 75_353.3)  # t * t is less than the rounding of the degrees of freedom
@example(math.inf, 3.0)
def test_students_t_is_that_of_scipy(t, freedom):
    assert math.isclose(student_two_sided(t, freedom), 2 * stats.t.sf(t, freedom), rel_tol=1e-7, abs_tol=1e-14)
    assert math.isclose(student_quantile(0.975, freedom), stats.t.ppf(0.975, freedom), rel_tol=1e-7)


def coverage(rng, n, share, value, repeats):
    """How often the interval holds the true AUROC of two normal distributions, where it is defined."""
    labels = np.arange(n) < round(n * share)
    shift = math.sqrt(2) * stats.norm.ppf(value)
    held = [
        low <= value <= high
        for low, high in (interval_of(placements(rng.normal(0, 1, n) + shift * labels, labels)) for _ in range(repeats))
        if low is not None
    ]
    return np.mean(held)


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.7])
@pytest.mark.parametrize("n", [20, 50, 200])
def test_image_level_intervals_cover_93_to_97_percent(n, share):
    rng = np.random.default_rng(n)
    found = {value: coverage(rng, n, share, value, 1500) for value in (0.7, 0.8, 0.9, 0.95, 0.97)}
    # Of 20 images those that separate the classes wholly have no interval, and those of the others are rather too wide.
    high = 0.985 if n == 20 else 0.97
    error = 0.0132  # two standard errors of a simulation of 1500
    assert all(0.93 - error <= one <= high + error for one in found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize("contrast", [1.2, 2.2, 3.2])
def test_pixel_level_intervals_cover_93_to_97_percent_where_those_of_single_pixels_fail(contrast):
    rng = np.random.default_rng(int(10 * contrast))
    value = auroc(*draw_images(rng, 30_000, contrast))
    held, naive = [], []
    for repeat in range(800):
        scores, masks = draw_images(rng, (40, 60, 100)[repeat % 3], contrast)
        low, high = interval_of(placements(scores, masks))
        held.append(low <= value <= high)
        low, high = interval_of(placements(scores.ravel(), masks.ravel()))
        naive.append(low <= value <= high)
    assert 0.93 - 0.0154 <= np.mean(held) <= 0.97 + 0.0154
    assert np.mean(naive) < 0.8


@pytest.mark.slow
def test_of_equal_branches_5_percent_are_called_different_at_pixel_level():
    rng = np.random.default_rng(5)
    rejected = []
    for _ in range(600):
        scores, masks = draw_images(rng, 60, 2.0)
        noise = [
            (scores + rng.normal(0, 0.8, scores.shape) + rng.normal(0, 0.4, (60, 1))).astype(np.float32) for _ in "ab"
        ]
        difference, found = paired_difference(*(placements(one, masks) for one in noise))
        rejected.append(found.p_value(difference) < 0.05)
    assert 0.03 <= np.mean(rejected) <= 0.075
