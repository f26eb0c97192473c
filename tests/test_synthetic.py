"""The synthetic set: deterministic, in the layout of MVTec AD, with masks that say exactly what the defects changed."""

import numpy as np
import pytest

from promptad_db.datasets import synthetic
from promptad_db.datasets.images import read_mask
from promptad_db.datasets.layout import list_test_images
from promptad_db.errors import UsageError

PIL_IMAGE = pytest.importorskip("PIL.Image", reason="writing the set needs Pillow")

CASES = [(name, defect) for name, category in synthetic.CATEGORIES.items() for defect in category.defects]


def _files(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*.png")}


def test_the_same_seed_writes_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        size = {"train": 1, "test_good": 1, "test_per_defect": 1}
        synthetic.write_dataset(tmp_path / name, seed=seed, categories=["nut", "wood"], **size)
    one, two, three = (_files(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one.keys() == three.keys()
    assert all(one[name] != three[name] for name in one)


def test_a_picture_does_not_depend_on_how_many_are_written(tmp_path):
    synthetic.write_dataset(tmp_path / "few", categories=["tile"], train=1, test_good=1, test_per_defect=1)
    synthetic.write_dataset(tmp_path / "more", categories=["button", "tile"], train=3, test_good=2, test_per_defect=2)
    few, more = _files(tmp_path / "few"), _files(tmp_path / "more")
    assert few.items() <= more.items()
    assert len(set(more.values())) == len(more)


def test_the_set_is_read_as_mvtec_layout(tmp_path):
    names = synthetic.write_dataset(tmp_path, categories=["capsule"], train=2, test_good=3, test_per_defect=2)
    assert names == ["capsule"]
    assert sorted(path.name for path in (tmp_path / "capsule/train/good").iterdir()) == ["000.png", "001.png"]
    images = list_test_images(tmp_path / "capsule")
    assert {image.defect_type for image in images} == {"good", *synthetic.CATEGORIES["capsule"].defects}
    for image in images:
        with PIL_IMAGE.open(image.path) as picture:
            assert (picture.mode, picture.size) == ("RGB", (240, 240))
        assert (image.mask is None) == (image.defect_type == "good")
        if image.mask is not None:
            assert read_mask(image.mask).any()


@pytest.mark.parametrize(("category", "defect"), CASES)
def test_a_mask_holds_what_the_defect_changed_and_nothing_else(category, defect):
    spoiled, mask = synthetic.render(category, np.random.default_rng(3), defect)
    clean, nothing = synthetic.render(category, np.random.default_rng(3))
    assert (spoiled.dtype, spoiled.shape, mask.dtype, mask.shape) == (np.uint8, (240, 240, 3), bool, (240, 240))
    assert not nothing.any()
    assert 40 <= mask.sum() < 0.4 * mask.size
    change = np.abs(spoiled.astype(int) - clean).max(axis=-1)
    assert change[mask].mean() > 2 * change[~mask].mean()


def test_the_set_has_textures_and_objects_both_seen_and_held_out():
    seen = set(synthetic.CATEGORIES) - set(synthetic.HELD_OUT)
    for group in (seen, synthetic.HELD_OUT):
        assert {synthetic.KINDS[name] for name in group} == {"texture", "object"}
    for name, category in synthetic.CATEGORIES.items():
        assert 3 <= len(category.defects) <= 5
        assert all(state.format(synthetic.class_name(name)) for state in synthetic.states(name))


def test_pictures_of_one_look_are_more_alike_than_of_two():
    def colour(look, picture):
        rngs = np.random.default_rng([1, picture]), np.random.default_rng([2, look])
        return synthetic.render("weave", rngs[0], look=rngs[1])[0].mean(axis=(0, 1))

    within = [np.abs(colour(look, 0) - colour(look, 1)).max() for look in range(6)]
    between = [np.abs(colour(look, 0) - colour(look + 1, 0)).max() for look in range(6)]
    assert np.median(within) < np.median(between) / 2


def test_an_unknown_category_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(UsageError, match="no synthetic category teapot"):
        synthetic.write_dataset(tmp_path, categories=["tile", "teapot"])
    assert not list(tmp_path.iterdir())
