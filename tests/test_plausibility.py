"""The rules by which numbers and names that come in are believed, at their edges."""

import math
from pathlib import Path

import numpy as np
import pytest

from promptad_db.errors import InputError
from promptad_db.ingestion.readers.plausibility import (
    FRACTION,
    PERCENT,
    Numbers,
    case_doubles,
    fraction,
    is_mean,
    label_note,
    look_inverted,
)
from promptad_db.records import CategoryResult


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        (["0.98", "0.97"], True),
        (["1", "0.97"], True),
        (["1.0"], True),
        (["0.98", "nan", "", "-", None], True),
        (["1.01", "0.97"], False),
        (["0", "0.00", ""], False),
        ([], False),
        (["98.2", "0.97"], False),
    ],
)
def test_a_column_of_percents_that_never_exceeds_one_is_one_of_fractions(values, refused):
    numbers = Numbers(PERCENT, {"a": values, "b": ["98"]})
    assert numbers.refused == ["a"] * refused
    assert numbers.refusal() == (
        ["the numbers of a look like fractions; percents are expected: multiply by 100"] * refused
    )


@pytest.mark.parametrize(
    ("values", "refused"),
    [
        ([98.2, 97.1, 0.9], True),
        ([98.2], True),
        ([98.2, 0.9], False),
        ([98.2, 0.9, 0.8], False),
        ([1.0, 0.5], False),
        ([98.2, 0.9, 0.0], False),
        ([math.nan, math.inf, 98.2], True),
    ],
)
def test_a_column_of_fractions_most_of_which_exceed_one_is_one_of_percents(values, refused):
    assert Numbers(FRACTION, {"a": values}).refused == ["a"] * refused


def test_a_refused_column_has_no_numbers_and_no_complaints():
    numbers = Numbers(PERCENT, {"a": ["0.98", "x"]})
    assert [numbers.fraction("a", value, "a of tile", "auroc") for value in ("0.98", "x")] == [None, None]


@pytest.mark.parametrize(
    ("value", "largest", "metric", "wanted"),
    [
        ("0.97", "50.01", "auroc", None),
        ("1.0", "98", "auroc", None),
        ("1.01", "98", "auroc", 0.0101),
        ("0.97", "50", "auroc", 0.0097),
        ("0.97", "98", "ap", 0.0097),
        ("0", "98", "auroc", 0.0),
        ("100", "98", "auroc", 1.0),
        (98.25, "98", "auroc", 0.9825),
        (" 98 ", "98", "auroc", 0.98),
    ],
)
def test_an_auroc_below_one_percent_is_believed_in_a_column_of_low_percents_alone(value, largest, metric, wanted):
    numbers = Numbers(PERCENT, {"a": [value, largest]})
    if wanted is not None:
        assert numbers.fraction("a", value, "a of tile", metric) == pytest.approx(wanted, abs=1e-15)
        return
    with pytest.raises(InputError, match=r"a of tile is .*looks like a fraction among percents"):
        numbers.fraction("a", value, "a of tile", metric)


@pytest.mark.parametrize("value", ["100.01", "-0.01", "nan", "inf", "x", None, True, [90], 10**400, "-", math.nan])
def test_what_is_no_number_in_range_is_named(value):
    with pytest.raises(InputError, match=r"the value is .*not a (number|percentage)"):
        fraction(value, "the value", PERCENT)
    with pytest.raises(InputError, match=r"not a (number|fraction)"):
        fraction(value, "the value", FRACTION)


def test_the_ends_of_both_ranges_are_in_them():
    assert [fraction(value, "", PERCENT) for value in (0, "100")] == [0.0, 1.0]
    assert [fraction(value, "", FRACTION) for value in ("0", 1.0)] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("aurocs", "inverted"),
    [
        ([0.1], True), ([0.399], True), ([0.4], False), ([0.1, 0.2, 0.49], True), ([0.1, 0.2, 0.5], False), ([], False),
        ([0.49, 0.49, 0.1], False),
    ],
)  # fmt: skip
def test_scores_look_inverted_when_no_auroc_reaches_chance_and_most_are_far_below(aurocs, inverted):
    assert look_inverted(aurocs) is inverted


def test_names_that_differ_in_case_alone_are_found_group_by_group():
    assert case_doubles(["tile", "Tile", "wood", "TILE", "Straße", "STRASSE"]) == [
        ["STRASSE", "Straße"],
        ["TILE", "Tile", "tile"],
    ]
    assert case_doubles(["tile", "tile", "tiles"]) == []


@pytest.mark.parametrize(
    ("name", "mean"), [("mean", True), (" Mean ", True), ("AVERAGE", True), ("meander", False), ("", False)]
)
def test_rows_of_means_are_known_by_their_name(name, mean):
    assert is_mean(name) is mean


@pytest.mark.parametrize(
    ("labels", "folders"),
    [
        ({"good": 0, "bad": 1}, None),
        ({"good": 1, "bad": 1}, "good"),
        ({"good": 0, "good_test": 0}, "good_test"),
        ({"ok": 0, "bad": 1}, None),
        ({"ok": 1, "bad": 0}, None),
        ({"a": 0, "b": 0, "c": 0, "d": 0, "good": 0}, "a, b, c"),
    ],
)
def test_labels_contradict_a_folder_called_good_and_the_others_beside_it(labels, folders):
    images = [f"test/{folder}/000.png" for folder in labels]
    result = CategoryResult("tile", images, labels=np.array(list(labels.values())))
    found = label_note(Path("s.csv"), result)
    assert found == (
        [f"s.csv: the labels of tile contradict the names of its folders ({folders}); the labels count"]
        if folders
        else []
    )


def test_images_without_folders_and_results_without_labels_contradict_nothing():
    assert label_note(Path("s.csv"), CategoryResult("tile", ["good", "1.png"], labels=np.array([1, 0]))) == []
    assert label_note(Path("s.csv"), CategoryResult("tile", ["good/1.png"])) == []
