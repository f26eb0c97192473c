"""AUROC, average precision and F1-max equal scikit-learn's, whatever the scores."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from promptad_db.errors import InputError
from promptad_db.metrics import OneClassError, auroc, average_precision, f1_max, ranking_metrics
from promptad_db.metrics.curves import of_ranking
from promptad_db.metrics.ranking import SMALL, _buckets, _placed, rank

TINY32 = float(np.finfo(np.float32).smallest_subnormal)
HUGE32 = float(np.finfo(np.float32).max)


def sklearns(scores, labels):
    # scikit-learn subtracts neighbours, which overflows; places in the order give the same curves.
    if np.abs(scores.astype(np.float64)).max() > 1e30:
        scores = np.unique(scores, return_inverse=True)[1]
    scores, labels = scores.ravel(), labels.ravel()
    precision, recall, _ = precision_recall_curve(labels, scores)
    both = precision + recall
    f1 = np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
    return {
        "auroc": roc_auc_score(labels, scores),
        "ap": average_precision_score(labels, scores),
        "f1_max": f1.max(),
    }


def assert_equal(ours, theirs):
    assert ours == pytest.approx(theirs, rel=0, abs=1e-12)


def bucketed(scores, labels, piece=7):
    return of_ranking(rank(scores, labels, small=0, piece=piece))


ties = st.sampled_from([0.0, -0.0, 0.25, 0.5, 1.0])
awkward = st.sampled_from([0.0, -0.0, TINY32, -TINY32, 3 * TINY32, 1e-30, 1.0, 1 + 2**-23, 1e30, HUGE32, -HUGE32])
single = st.floats(width=32, allow_nan=False, allow_infinity=False)
double = st.floats(allow_nan=False, allow_infinity=False)
half = st.floats(0, 1, width=16)


@st.composite
def samples(draw, dtype=np.float32, values=None):
    of = draw(st.sampled_from([ties, awkward, half, single])) if values is None else values
    n_pos = draw(st.integers(1, 12))
    n_neg = draw(st.one_of(st.integers(1, 12), st.integers(4 * n_pos, 4 * n_pos + 20)))
    count = n_pos + n_neg
    scores = np.array(draw(st.lists(of, min_size=count, max_size=count)), dtype)
    labels = np.array(draw(st.permutations([True] * n_pos + [False] * n_neg)))
    return scores, labels


@settings(max_examples=200, deadline=None)
@given(samples())
def test_every_metric_equals_scikit_learns_with_ties_denormals_and_huge_ranges(sample):
    assert_equal(ranking_metrics(*sample), sklearns(*sample))


@settings(max_examples=200, deadline=None)
@given(samples(), st.integers(1, 9))
def test_buckets_never_change_a_result(sample, piece):
    assert bucketed(*sample, piece=piece) == ranking_metrics(*sample)


@settings(max_examples=100, deadline=None)
@given(samples(np.float64, st.one_of(ties, double)))
def test_float64_scores_are_ranked_as_float64(sample):
    assert_equal(bucketed(*sample), sklearns(*sample))


@settings(max_examples=200, deadline=None)
@given(samples(values=st.one_of(half, st.floats(-3, 1e6, width=32))))
def test_the_negatives_left_out_of_the_sort_are_counted_exactly(sample):
    scores, labels = sample
    distinct = np.unique(scores[labels])
    buckets = _buckets(scores.min(), scores.max(), 16 * distinct.size)
    if buckets is None:
        assert np.ptp(scores) <= np.finfo(np.float32).tiny * 16 * distinct.size
        return
    left_over, below, equal = _placed(scores, labels, distinct, buckets, 5)
    negatives = scores[~labels]
    for i, value in enumerate(distinct):
        assert below[i] + np.sum(left_over < value) == np.sum(negatives < value)
        assert below[i] + equal[i] + np.sum(left_over <= value) == np.sum(negatives <= value)


def many(kind, rng):
    """More scores than SMALL, 3 % positives that lie a little higher."""
    labels = rng.random(2 * SMALL) < 0.03
    scores = rng.random(labels.size) + 0.2 * labels
    if kind == "float16 grid":
        scores = scores.astype(np.float16)
    elif kind == "heavy tail":
        scores = 1 / (1.2000001 - scores)
    elif kind == "softmax near zero":
        scores = np.exp(40 * (scores - 1.2))
    elif kind == "one outlier":
        scores[labels.argmin()] = 1e30
    elif kind == "one value":
        scores[:] = 0.3
    elif kind == "two values":
        scores = scores > 0.5
    elif kind == "whole float32 range":
        scores = (scores - 0.6) / 0.6 * HUGE32
        scores[:2] = HUGE32, -HUGE32
    elif kind == "denormals":
        scores *= 1e-39
    elif kind == "negative":
        scores -= 7
    return scores.astype(np.float32), labels


KINDS = [
    "uniform",
    "float16 grid",
    "heavy tail",
    "softmax near zero",
    "one outlier",
    "one value",
    "two values",
    "whole float32 range",
    "denormals",
    "negative",
]


@pytest.mark.parametrize("kind", KINDS)
def test_many_scores_of_every_distribution_equal_scikit_learns(kind):
    scores, labels = many(kind, np.random.default_rng(7))
    assert_equal(ranking_metrics(scores, labels), sklearns(scores, labels))


def test_more_positives_than_negatives_equal_scikit_learns():
    scores, labels = many("uniform", np.random.default_rng(8))
    assert_equal(ranking_metrics(scores, ~labels), sklearns(scores, ~labels))


def test_many_float64_scores_closer_than_float32_can_tell_are_told_apart():
    rng = np.random.default_rng(9)
    labels = rng.random(2 * SMALL) < 0.02
    scores = 0.5 + 1e-12 * (rng.random(labels.size) + 0.3 * labels)
    assert len(np.unique(scores.astype(np.float32))) == 1
    assert_equal(ranking_metrics(scores, labels), sklearns(scores, labels))


@pytest.mark.parametrize("kind", ["uniform", "negative"])
def test_scattered_scores_leave_few_negatives_to_sort(kind):
    scores, labels = many(kind, np.random.default_rng(7))
    distinct = np.unique(scores[labels])
    buckets = _buckets(scores.min(), scores.max(), 16 * distinct.size)
    near = np.count_nonzero(np.isin(buckets.of(scores), buckets.of(distinct)) & ~labels)
    left_over, _, _ = _placed(scores, labels, distinct, buckets, 999)
    assert left_over.size < 0.3 * near < 0.03 * scores.size


def test_auroc_is_the_exact_fraction_of_ordered_pairs():
    scores = np.float32([0.1, 0.4, 0.4, 0.8, 0.3])
    labels = [0, 1, 0, 1, 0]
    assert auroc(scores, labels) == 5.5 / 6


def test_ties_count_one_half():
    assert auroc([0.5, 0.5], [0, 1]) == 0.5
    assert auroc(np.full(9, 3.0), np.arange(9) < 4) == 0.5


def test_minus_zero_ties_with_zero():
    assert auroc(np.float32([-0.0, 0.0]), [1, 0]) == 0.5
    assert auroc(np.float32([0.0, -0.0]), [1, 0]) == 0.5


def test_a_perfect_ranking_is_one_and_a_reversed_one_zero():
    scores, labels = np.arange(10.0), np.arange(10) >= 7
    assert ranking_metrics(scores, labels) == {"auroc": 1.0, "ap": 1.0, "f1_max": 1.0}
    assert auroc(-scores, labels) == 0.0


def test_the_metrics_together_equal_each_alone():
    scores, labels = many("heavy tail", np.random.default_rng(3))
    alone = {"auroc": auroc(scores, labels), "ap": average_precision(scores, labels), "f1_max": f1_max(scores, labels)}
    assert ranking_metrics(scores, labels) == alone


def test_shape_memory_order_and_label_type_do_not_matter():
    rng = np.random.default_rng(1)
    scores, labels = rng.random((3, 5, 4)).astype(np.float32), rng.random((3, 5, 4)) < 0.4
    expected = auroc(scores.ravel(), labels.ravel())
    assert auroc(np.asfortranarray(scores), labels) == expected
    assert auroc(scores[:, ::-1], labels[:, ::-1].astype(np.uint8)) == expected
    assert auroc(scores.astype(">f4"), labels.astype(np.float64)) == expected
    assert auroc(scores.tolist(), labels.astype(int).tolist()) == expected


def test_extended_precision_is_ranked_as_it_is():
    rng = np.random.default_rng(4)
    labels = rng.random(2 * SMALL) < 0.02
    steps = rng.integers(0, 1000, labels.size) + 200 * labels
    scores = 1 + steps * np.finfo(np.longdouble).eps
    assert auroc(scores, labels) == auroc(steps, labels)
    assert auroc(np.longdouble("1e4900") * scores, labels) == auroc(steps, labels)


def test_float16_and_integer_scores_are_ranked():
    labels = np.array([0, 1, 0, 1])
    assert auroc(np.float16([0.1, 0.2, 0.3, 0.4]), labels) == 0.75
    assert auroc(np.uint8([0, 3, 7, 255]), labels) == 0.75
    assert auroc(np.array([False, True, False, True]), labels) == 1.0


def test_the_arguments_are_left_as_they_are():
    scores, labels = many("uniform", np.random.default_rng(2))
    before = scores.copy(), labels.copy()
    ranking_metrics(scores, labels)
    assert np.array_equal(scores, before[0])
    assert np.array_equal(labels, before[1])


@pytest.mark.parametrize("metric", [auroc, average_precision, f1_max, ranking_metrics])
def test_one_class_is_refused_with_the_missing_class_and_the_count(metric):
    with pytest.raises(OneClassError, match=r"no label is anomalous \(1\), all 3 are normal"):
        metric([0.1, 0.2, 0.3], [0, 0, 0])
    with pytest.raises(OneClassError, match=r"no label is normal \(0\), all 2 are anomalous"):
        metric([0.1, 0.2], [True, True])


def test_a_one_class_error_is_a_value_error_and_an_input_error():
    assert issubclass(OneClassError, ValueError)
    assert issubclass(OneClassError, InputError)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_are_refused(bad):
    with pytest.raises(InputError, match="finite"):
        auroc([0.1, bad, 0.3], [0, 1, 0])


def test_shapes_that_differ_are_named():
    with pytest.raises(InputError, match=r"\(3,\).*\(2,\)"):
        auroc([0.1, 0.2, 0.3], [0, 1])


def test_no_scores_are_refused():
    with pytest.raises(InputError, match="no scores"):
        auroc([], [])


@pytest.mark.parametrize("labels", [[0, 2], [0, -1], [0.5, 1], [0, 255], ["0", "1"], [None, 1], [np.nan, 1]])
def test_labels_other_than_zero_and_one_are_refused(labels):
    with pytest.raises(InputError, match="labels must be"):
        auroc([0.1, 0.2], labels)


@pytest.mark.parametrize("scores", [["a", "b"], [1j, 2], [None, 1]])
def test_scores_that_are_not_numbers_are_refused(scores):
    with pytest.raises(InputError, match="must be numbers"):
        auroc(scores, [0, 1])


def test_importing_the_metrics_loads_nothing_heavy():
    code = (
        "import sys, promptad_db.metrics, promptad_db.fusion;"
        "print(sorted({'sklearn', 'scipy', 'torch', 'duckdb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_what_numpy_would_misread_is_refused():
    with pytest.raises(InputError, match=r"scores is not an array .*masked"):
        auroc(np.ma.masked_equal([0.1, 0.2], 0.1), [0, 1])
    with pytest.raises(InputError, match=r"labels is not an array .*masked"):
        auroc([0.1, 0.2], np.ma.masked_equal([0, 1], 0))
    with pytest.raises(InputError, match=r"above 2\^53"):
        auroc([2**53, 2**53 + 1], [0, 1])
    assert auroc([2**53 - 1, 2**53], [0, 1]) == 1
    assert auroc(np.ma.masked_array([0.1, 0.2]), [0, 1]) == 1


def test_scores_that_only_longer_floats_tell_apart_are_ranked_by_them():
    assert auroc(1 - np.array([2, 1]) * 1e-12, [0, 1]) == 1
    close = np.longdouble(1) + np.arange(2) * np.finfo(np.longdouble).eps
    assert auroc(close, [0, 1]) == 1
    assert auroc(close.astype(np.float32), [0, 1]) == 0.5
