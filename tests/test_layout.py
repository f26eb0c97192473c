"""The MVTec AD layout: which images a category has, where their masks are, and what is said when one is missing."""

import zlib

import numpy as np
import pytest
from PIL import Image

from promptad_db.datasets import images, layout
from promptad_db.datasets.categories import KINDS, kind_of
from promptad_db.errors import InputError


def picture(path, pixels=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((6, 8), np.uint8) if pixels is None else pixels).save(path)
    return path


@pytest.fixture
def carpet(tmp_path):
    """A category of five test images in three folders."""
    category = tmp_path / "mvtec" / "carpet"
    for name in ("good/001", "good/000", "hole/000", "color/001", "color/000"):
        picture(category / "test" / f"{name}.png")
        if not name.startswith("good"):
            picture(category / "ground_truth" / f"{name}_mask.png")
    return category


def test_a_category_is_found_from_the_data_set_and_from_what_holds_it(tmp_path, carpet):
    assert layout.category_root(tmp_path, "mvtec", "carpet") == carpet
    assert layout.category_root(tmp_path / "mvtec", "mvtec", "carpet") == carpet


def test_a_wrong_root_is_refused_with_what_was_looked_for(tmp_path, carpet):
    with pytest.raises(InputError) as error:
        layout.category_root(tmp_path, "visa", "carpet")
    for folder in (tmp_path / "carpet" / "test", tmp_path / "visa" / "carpet" / "test"):
        assert str(folder) in str(error.value)
    assert "--data-root" in error.value.hint


def test_images_come_sorted_with_their_defect_types_and_masks(carpet):
    found = layout.list_test_images(carpet)
    assert [image.name for image in found] == [
        "color/000.png", "color/001.png", "good/000.png", "good/001.png", "hole/000.png",
    ]  # fmt: skip
    assert [image.defect_type for image in found] == ["color", "color", "good", "good", "hole"]
    assert [image.mask for image in found[2:4]] == [None, None]
    assert found[4].mask == carpet / "ground_truth" / "hole" / "000_mask.png"
    assert found[4].path == carpet / "test" / "hole" / "000.png"


def test_images_come_in_the_order_of_folders_that_is_asked_for(carpet):
    folders = [carpet / "test" / name for name in ("good", "hole", "color")]
    names = [image.name for image in layout.list_test_images(carpet, folders)]
    assert names == ["good/000.png", "good/001.png", "hole/000.png", "color/000.png", "color/001.png"]
    assert {folder.name for folder in layout.defect_folders(carpet)} == {"good", "hole", "color"}


def test_hidden_files_and_files_of_other_kinds_are_no_images(carpet):
    for name in (
        "test/good/.000.png",
        "test/good/Thumbs.db",
        "test/good/notes.txt",
        "test/.cache/000.png",
        "test/list.csv",
    ):
        (carpet / name).parent.mkdir(exist_ok=True)
        (carpet / name).write_bytes(b"")
    assert len(layout.list_test_images(carpet)) == 5


@pytest.mark.parametrize("mask", ["002_mask.png", "002.png", "002.JPG"])
def test_masks_are_found_under_the_names_that_converted_data_sets_use(carpet, mask):
    picture(carpet / "test" / "hole" / "002.JPG")
    picture(carpet / "ground_truth" / "hole" / mask)
    assert layout.list_test_images(carpet)[-1].mask == carpet / "ground_truth" / "hole" / mask


def test_a_missing_mask_is_named(carpet):
    (carpet / "ground_truth" / "hole" / "000_mask.png").unlink()
    with pytest.raises(InputError, match="has no mask") as error:
        layout.list_test_images(carpet)
    assert str(carpet / "test" / "hole" / "000.png") in str(error.value)
    assert str(carpet / "ground_truth" / "hole" / "000_mask.png") in str(error.value)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_a_mask_is_what_is_not_black_in_any_kind_of_picture(tmp_path, mode):
    pixels = np.zeros((6, 8), np.uint8)
    pixels[1:3, 2:7] = 255
    image = Image.fromarray(pixels.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(pixels).convert(mode)
    image.save(tmp_path / "mask.png")
    mask = images.read_mask(tmp_path / "mask.png")
    assert mask.dtype == bool
    assert np.array_equal(mask, pixels > 0)


def test_a_faint_mask_counts_as_a_mask(tmp_path):
    pixels = np.array([[0, 1, 128, 255]], np.uint8)
    assert images.read_mask(picture(tmp_path / "mask.png", pixels)).tolist() == [[False, True, True, True]]


def test_a_mask_is_resized_by_nearest_neighbour(tmp_path):
    pixels = (np.random.default_rng(0).random((6, 8)) > 0.5).astype(np.uint8) * 255
    path = picture(tmp_path / "mask.png", pixels)
    assert np.array_equal(images.read_mask(path, (6, 8)), pixels > 0)
    assert np.array_equal(images.read_mask(path, (12, 24)), np.repeat(np.repeat(pixels, 2, 0), 3, 1) > 0)
    assert images.read_mask(path, (4, 5)).shape == (4, 5)


def test_a_picture_that_is_damaged_anywhere_is_read_or_refused_by_name(tmp_path):
    pixels = (np.random.default_rng(0).random((20, 30)) > 0.5).astype(np.uint8) * 255
    path = picture(tmp_path / "mask.png", pixels)
    whole = path.read_bytes()
    damaged = [whole[:size] for size in range(len(whole))]
    damaged += [whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :] for at in range(len(whole))]
    reasons = [refusal(path, content) for content in damaged]
    assert sum(reason is not None for reason in reasons) > len(whole)
    assert all("mask.png: not a readable image" in reason for reason in reasons if reason is not None)


def refusal(path, content):
    """Why a picture is refused, None when it is read."""
    path.write_bytes(content)
    try:
        images.read_mask(path, (20, 30))
    except InputError as error:
        return str(error)
    return None


def test_a_picture_of_endless_declared_size_is_refused(tmp_path):
    path = picture(tmp_path / "mask.png")
    content = bytearray(path.read_bytes())
    content[16:24] = (10**5).to_bytes(4, "big") * 2
    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    path.write_bytes(bytes(content))
    with pytest.raises(InputError, match=r"mask\.png: not a readable image"):
        images.read_mask(path)


def test_a_missing_mask_file_is_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"none\.png"):
        images.read_mask(tmp_path / "none.png")


def test_the_27_categories_of_the_field_are_known_as_textures_or_objects():
    assert {name: len(kinds) for name, kinds in KINDS.items()} == {"mvtec": 15, "visa": 12}
    assert sum(kind == "texture" for kinds in KINDS.values() for kind in kinds.values()) == 5
    assert (kind_of("mvtec", "carpet"), kind_of("visa", "pcb1"), kind_of("mine", "carpet")) == (
        "texture",
        "object",
        None,
    )
