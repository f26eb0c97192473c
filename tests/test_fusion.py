"""Fusion keeps the precision it is given, and refuses what it is not defined for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from promptad_db.errors import InputError, UsageError
from promptad_db.fusion import RULES, fuse_scores

positive = st.floats(2**-10, 1, width=16)


def test_max_takes_the_higher_branch():
    assert fuse_scores("max", [0.1, 0.9], [0.5, 0.2]).tolist() == [0.5, 0.9]


def test_mean_lies_halfway():
    assert fuse_scores("mean", [0.0, 1.0], [1.0, 2.0]).tolist() == [0.5, 1.5]


def test_harmonic_is_the_reciprocal_of_the_summed_reciprocals():
    assert fuse_scores("harmonic", [1.0, 3.0], [1.0, 6.0]).tolist() == [0.5, 2.0]


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_harmonic_is_zero_where_either_branch_is_zero(zero):
    assert fuse_scores("harmonic", [zero, 0.5, 0.0, zero], [0.5, zero, zero, zero]).tolist() == [0, 0, 0, 0]


def test_harmonic_of_scores_too_small_to_invert_is_zero_without_a_warning():
    tiny = np.float32([1e-45])
    assert fuse_scores("harmonic", tiny, tiny).tolist() == [0]


@given(st.lists(st.tuples(positive, positive), min_size=1, max_size=20))
def test_harmonic_in_float16_rounds_as_float16_does(pairs):
    semantic, memory = np.array(pairs, np.float16).T
    one = np.float16(1)
    fused = fuse_scores("harmonic", semantic, memory)
    assert fused.dtype == np.float16
    assert np.array_equal(fused, one / (one / semantic + one / memory))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_every_rule_keeps_floating_type_and_shape(rule, dtype):
    scores = np.random.default_rng(0).random((2, 3, 4)).astype(dtype)
    fused = fuse_scores(rule, scores, scores[::-1])
    assert fused.dtype == dtype
    assert fused.shape == scores.shape


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_treats_the_branches_alike(rule):
    semantic, memory = np.random.default_rng(1).random((2, 50))
    assert np.array_equal(fuse_scores(rule, semantic, memory), fuse_scores(rule, memory, semantic))


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_says_what_it_does(rule):
    assert RULES[rule].__doc__


@pytest.mark.parametrize("rule", RULES)
def test_no_scores_fuse_to_no_scores(rule):
    assert fuse_scores(rule, [], []).shape == (0,)


def test_the_wider_type_wins_and_integers_become_float64():
    assert fuse_scores("max", np.float16([1]), np.float32([2])).dtype == np.float32
    assert fuse_scores("max", np.array([1]), np.array([2])).dtype == np.float64
    assert fuse_scores("max", np.float16([1]), np.array([2])).dtype == np.float64


def test_the_branches_are_left_as_they_are():
    semantic, memory = np.float32([0.1, 0.2]), np.float32([0.3, 0.1])
    for rule in RULES:
        fuse_scores(rule, semantic, memory)
    assert semantic.tolist() == np.float32([0.1, 0.2]).tolist()
    assert memory.tolist() == np.float32([0.3, 0.1]).tolist()


def test_integers_that_doubles_would_merge_and_masked_scores_are_refused():
    with pytest.raises(InputError, match=r"memory scores hold integers above 2\^53"):
        fuse_scores("max", [1], [2**53 + 1])
    with pytest.raises(InputError, match=r"semantic scores is not an array .*masked"):
        fuse_scores("max", np.ma.masked_equal([1.0, 2.0], 1.0), [1.0, 2.0])


def test_an_unknown_rule_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match=r"(?s)'median'.*harmonic, max, mean"):
        fuse_scores("median", [1.0], [1.0])


@pytest.mark.parametrize("branches", [([0.1, 0.1], [0.1, -0.1]), ([0.1, -0.1], [0.1, 0.1])])
def test_negative_scores_have_no_harmonic_fusion(branches):
    with pytest.raises(InputError, match="negative"):
        fuse_scores("harmonic", *branches)
    assert fuse_scores("max", [0.1], [-0.1]).tolist() == [0.1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_branch_with_a_score_that_is_not_finite_is_named(bad):
    with pytest.raises(InputError, match="memory scores must be finite"):
        fuse_scores("max", [0.1], [bad])


def test_a_branch_that_is_not_numbers_is_named():
    with pytest.raises(InputError, match="semantic scores must be numbers"):
        fuse_scores("max", ["a"], [0.1])


def test_shapes_that_differ_are_named():
    with pytest.raises(InputError, match=r"\(2,\).*\(1, 2\)"):
        fuse_scores("max", [0.1, 0.2], [[0.1, 0.2]])
