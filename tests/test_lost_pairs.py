"""What the negatives of each image lose to positives, added up in the pass of the ranking: against every pair one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from promptad_db.metrics import placements
from promptad_db.metrics.lost_pairs import LostPairs
from promptad_db.metrics.ranking import SMALL, rank


def every_pair(scores, labels):
    """By image twice the positives above each of its negatives, one for each that equals it: O(n^2)."""
    positives, lost = scores[labels], []
    for values, anomalous in zip(scores.reshape(len(scores), -1), labels.reshape(len(labels), -1), strict=True):
        negatives = values[~anomalous][:, None]
        lost.append(2 * np.sum(positives > negatives) + np.sum(positives == negatives))
    return np.array(lost)


def draw(seed, width, kind):
    """Twelve images of so many pixels, one in ten anomalous, and both classes there."""
    rng = np.random.default_rng(seed)
    labels = rng.random((12, width)) < 0.1
    labels[0, 0], labels[1, 0] = True, False
    scores = rng.normal(0, 1, labels.shape) + labels
    if kind == "ties":
        scores = np.round(scores, 1)
    elif kind == "one outlier":
        scores[2, 0] = 1e30
    elif kind == "heavy tail":
        scores = np.exp(9 * scores)
    return (scores if kind == "double" else scores.astype(np.float32)), labels


@settings(max_examples=200, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from([1, 2, 7, 60]),
    st.sampled_from(["scattered", "ties", "one outlier", "heavy tail", "double"]),
    st.sampled_from([1, 7, 100, 1 << 16]),
)
def test_the_pairs_lost_by_image_are_those_of_every_pair(seed, width, kind, piece):
    scores, labels = draw(seed, width, kind)
    found = rank(scores, labels, by_image=True, small=0, piece=piece)
    # Too many distinct positive scores are not worth the pass.
    if found.lost is None:
        assert 4 * len(found.scores) > found.n_neg
    else:
        assert found.lost.tolist() == every_pair(scores, labels).tolist()


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from(["scattered", "ties", "one outlier", "heavy tail", "double"]))
def test_placements_are_the_same_bits_with_and_without_buckets(seed, kind):
    scores, labels = draw(seed, 60, kind)
    added, searched = (rank(scores, labels, by_image=True, small=small) for small in (0, SMALL))
    assert added.lost is not None
    assert searched.lost is None
    one, other = (placements(scores, labels, ranking) for ranking in (added, searched))
    for name in ("n_pos", "n_neg", "pos_sum", "neg_sum"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()


def test_adding_up_by_image_changes_nothing_of_the_ranking():
    scores, labels = draw(5, 60, "ties")
    one, other = (rank(scores, labels, by_image=by_image, small=0) for by_image in (True, False))
    for name in ("scores", "hits", "below", "up_to", "positives", "order"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    assert other.lost is None


@pytest.mark.parametrize("shape", [(40_000,), (2, 200, 200), (1, 40_000)])
def test_images_of_one_pixel_and_of_more_than_a_piece_are_added_up_too(shape):
    rng = np.random.default_rng(1)
    labels = rng.random(shape) < 0.01
    scores = (rng.random(shape) + 0.2 * labels).astype(np.float32)
    found = rank(scores, labels, by_image=True, piece=999)
    assert found.lost is not None
    assert found.lost.tolist() == every_pair(scores, labels).tolist()
    assert int(found.lost.sum()) == int(found.hits @ (found.below + found.up_to))


@pytest.mark.parametrize("hits", [(1 << 30) - 1, 1 << 30, 1 << 31])
def test_pairs_are_counted_beyond_32_bits_where_there_are_so_many_positives(hits):
    lost = LostPairs(np.array([0.5]), np.array([hits]), images=1, size=3)
    assert lost.of(np.array([0.1, 0.5, 0.9])).tolist() == [2 * hits, hits, 0]


def test_a_piece_is_of_whole_images_and_of_one_at_least():
    lost = LostPairs(np.array([0.5]), np.array([1]), images=4, size=40)
    assert [lost.whole_images(piece) for piece in (1, 10, 25, 39, 40)] == [10, 10, 20, 30, 40]
