"""The K shots of a category: the same by seed on every machine, nested in K, or exactly those that a file names."""

import json
from pathlib import Path

import pytest

from promptad_db.datasets.dataset import Category
from promptad_db.datasets.layout import LabelledImage
from promptad_db.datasets.shots import draw_shots, read_shots_file
from promptad_db.errors import InputError


def category(name="metal_nut", train=20):
    files = [f"{index:03}.png" for index in range(train)]
    images = tuple(LabelledImage(f"train/good/{file}", Path(file), "good", None) for file in files)
    test = (LabelledImage("good/900.png", Path("900.png"), "good", None),)
    return Category("mvtec", name, images, test)


def numbers(shots):
    return [int(image.path.stem) for image in shots]


def written(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_shots_of_a_seed_are_the_same_for_ever():
    assert numbers(draw_shots(category(), 4, 111)) == [12, 19, 14, 6]
    assert numbers(draw_shots(category("bottle", 209), 2, 0)) == [42, 72]


def test_fewer_shots_are_a_part_of_more():
    for seed in range(20):
        all_shots = draw_shots(category(), 20, seed)
        assert sorted(numbers(all_shots)) == list(range(20))
        for k_shot in (1, 2, 4, 8):
            assert draw_shots(category(), k_shot, seed) == all_shots[:k_shot]


def test_seeds_and_categories_draw_different_shots():
    drawn = {tuple(numbers(draw_shots(category(name), 4, seed))) for name in ("tile", "wood") for seed in range(10)}
    assert len(drawn) == 20


@pytest.mark.parametrize("k_shot", [-1, 0, 21])
def test_a_number_of_shots_that_cannot_be_is_refused_with_the_numbers(k_shot):
    with pytest.raises(InputError, match=f"metal_nut of mvtec: K = {k_shot} .* 20 train images") as error:
        draw_shots(category(), k_shot, 0)
    assert "from 1 to 20" in error.value.hint


def test_a_category_without_train_images_and_a_negative_seed_are_refused():
    with pytest.raises(InputError, match="0 train images"):
        draw_shots(category(train=0), 1, 0)
    with pytest.raises(InputError, match="seed -1"):
        draw_shots(category(), 1, -1)


def test_one_list_serves_every_k_by_its_first_names(tmp_path):
    names = ["007.png", "train/good/003.png", "011.png"]
    shots = read_shots_file(written(tmp_path / "shots.json", {"metal_nut": names}))
    assert [numbers(shots.shots(category(), k)) for k in (1, 2, 3)] == [[7], [7, 3], [7, 3, 11]]


def test_a_list_for_each_k_is_taken_as_it_is(tmp_path):
    path = written(tmp_path / "shots.json", {"metal_nut": {"1": ["007.png"], "2": ["003.png", "004.png"]}})
    shots = read_shots_file(path)
    assert [numbers(shots.shots(category(), k)) for k in (1, 2)] == [[7], [3, 4]]


def test_the_public_code_s_folder_holds_indexes_of_sorted_train_images(tmp_path):
    written(tmp_path / "metal_nut" / "selected_samples_per_run.txt", "#1: 13\n#2: 010 004\n\n#4: 019 000 012 7\n")
    written(tmp_path / "tile" / "selected_samples_per_run.txt", "#1: 0")
    shots = read_shots_file(tmp_path)
    assert [numbers(shots.shots(category(), k)) for k in (1, 2, 4)] == [[13], [10, 4], [19, 0, 12, 7]]
    assert numbers(shots.shots(category("tile"), 1)) == [0]


@pytest.mark.parametrize(
    ("content", "k_shot", "said"),
    [
        ({"tile": ["007.png"]}, 1, "no shots of metal_nut (it has tile)"),
        ({"metal_nut": ["007.png"]}, 2, "metal_nut has 1 shots where K = 2 needs 2"),
        ({"metal_nut": {"2": ["007.png"]}}, 2, "metal_nut has 1 shots where K = 2 needs 2"),
        ({"metal_nut": {"1": ["007.png", "008.png"]}}, 1, "metal_nut has 2 shots where K = 1 needs 1"),
        ({"metal_nut": {"1": ["007.png"], "4": []}}, 2, "no shots for K = 2 (it has K = 1, 4)"),
        ({"metal_nut": {}}, 2, "(it has K = none)"),
        ({"metal_nut": ["007.png", "train/good/007.png"]}, 2, "metal_nut has an image twice"),
        ({"metal_nut": ["good/900.png"]}, 1, "metal_nut names 'good/900.png', which is no train image"),
        ({"metal_nut": ["../001.png"]}, 1, "names '../001.png', which is no train image"),
        ({"metal_nut": ["007.png"]}, 0, "K = 0 shots asked for"),
        ({"metal_nut": ["007.png"]}, 21, "K = 21 shots asked for, and it has 20 train images"),
    ],
)
def test_shots_that_do_not_fit_are_refused_naming_file_and_category(tmp_path, content, k_shot, said):
    path = written(tmp_path / "shots.json", content)
    with pytest.raises(InputError) as error:
        read_shots_file(path).shots(category(), k_shot)
    assert said in str(error.value)
    assert error.value.hint
    assert "metal_nut" in str(error.value)
    if "asked for" not in said:
        assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("[]", "not an object of categories"),
        ("{", "not valid JSON"),
        ({"metal_nut": "007.png"}, "metal_nut is not a list"),
        ({"metal_nut": [7]}, "metal_nut is not a list"),
        ({"metal_nut": {"1": 7}}, "metal_nut is not a list"),
        ({"metal_nut": {"one": []}}, "'one' is not a number of shots"),
        ({"metal_nut": {"0": []}}, "'0' is not a number of shots"),
        ('{"metal_nut": ["\\ud800"]}', "metal_nut is not a list"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path, content, said):
    path = written(tmp_path / "shots.json", content)
    with pytest.raises(InputError) as error:
        read_shots_file(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("#1: 13\nsomething\n", "line 2: 'something' is not of the form"),
        ("#1: -1\n", "line 1: '#1: -1' is not"),
        ("#1: a\n", "line 1"),
        ("#0: 1\n", "line 1"),
        ("#1: ٣\n", "line 1"),
        ("#1: 1\n#1: 2\n", "line 2: K = 1 comes twice"),
        ("#1: 20\n", "metal_nut has the index 20, and there are 20 train images"),
        ("#1:\n", "metal_nut has 0 shots where K = 1 needs 1"),
        ("#2: 1 1\n#1: 1", "metal_nut has an image twice"),
        ("", "no shots for K = 1 (it has K = none)"),
    ],
)
def test_a_broken_file_of_the_public_layout_is_refused_by_line_or_category(tmp_path, content, said):
    written(tmp_path / "metal_nut" / "selected_samples_per_run.txt", content)
    with pytest.raises(InputError) as error:
        read_shots_file(tmp_path).shots(category(), 2 if "#2" in content else 1)
    assert said in str(error.value)
    assert "metal_nut" in str(error.value)


def test_a_folder_without_shots_a_missing_file_and_no_text_are_refused(tmp_path):
    with pytest.raises(InputError, match="looked for <category>/selected_samples_per_run"):
        read_shots_file(tmp_path)
    with pytest.raises(InputError, match="cannot be read"):
        read_shots_file(tmp_path / "none.json")
    written(tmp_path / "tile" / "selected_samples_per_run.txt", "").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="not UTF-8 text"):
        read_shots_file(tmp_path)
