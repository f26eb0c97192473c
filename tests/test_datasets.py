"""Datasets are found by what lies on disk, list the same images everywhere, and say what is missing where."""

import os

import numpy as np
import pytest
from PIL import Image

from promptad_db.datasets import Category, Dataset, LabelledImage, open_dataset
from promptad_db.datasets.images import load_masks, read_image, read_mask
from promptad_db.datasets.overlap import support_in_test
from promptad_db.errors import InputError, UsageError

HEADER = "object,split,label,image,mask"


def picture(path, shade=0, size=(8, 6), mode="L"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, shade).convert(mode).save(path)
    return path


def mvtec(root, *categories, suffix=".png", mask="_mask.png"):
    """Two train images, one normal and two anomalous test images a category."""
    for category in categories:
        for shade, name in enumerate(
            ("train/good/001", "train/good/000", "test/good/000", "test/hole/000", "test/cut/000")
        ):
            picture(root / category / f"{name}{suffix}", shade)
        for defect in ("hole", "cut"):
            picture(root / category / "ground_truth" / defect / f"000{mask}", 255)
    return root


def visa(root, rows, header=HEADER):
    (root / "split_csv").mkdir(parents=True, exist_ok=True)
    (root / "split_csv" / "1cls.csv").write_text("\n".join([header, *rows]) + "\n")
    return root


ROWS = [
    "candle,train,normal,candle/Data/Images/Normal/0007.JPG,",
    "candle,test,anomaly,candle/Data/Images/Anomaly/001.JPG,candle/Data/Masks/Anomaly/001.png",
    "candle,train,normal,candle/Data/Images/Normal/0003.JPG,",
    "candle,test,normal,candle/Data/Images/Normal/0000.JPG,",
    "pcb1,test,normal,pcb1/Data/Images/Normal/0000.JPG,",
    "pcb1,train,normal,pcb1/Data/Images/Normal/0001.JPG,",
]


@pytest.fixture
def published_visa(tmp_path):
    root = visa(tmp_path / "VisA_20220922", ROWS)
    for row in ROWS:
        for path in filter(None, row.split(",")[3:]):
            picture(root / path, 200)
    return root


def names(images):
    return [image.name for image in images]


def test_mvtec_folders_are_listed_in_sorted_order(tmp_path):
    dataset = open_dataset("mvtec", mvtec(tmp_path, "tile", "metal_nut", "bottle"))
    assert dataset == Dataset("mvtec", tmp_path, "folders", ("bottle", "metal_nut", "tile"))
    category = dataset.category("metal_nut")
    assert isinstance(category, Category)
    assert (category.dataset, category.name) == ("mvtec", "metal_nut")
    assert names(category.train) == ["train/good/000.png", "train/good/001.png"]
    assert names(category.test) == ["cut/000.png", "good/000.png", "hole/000.png"]
    assert [image.anomalous for image in category.test] == [True, False, True]
    assert category.test[0] == LabelledImage(
        "cut/000.png",
        tmp_path / "metal_nut/test/cut/000.png",
        "cut",
        tmp_path / "metal_nut/ground_truth/cut/000_mask.png",
    )


def test_the_order_does_not_depend_on_the_file_system(tmp_path, monkeypatch):
    dataset = open_dataset("mvtec", mvtec(tmp_path, "tile"))
    first = dataset.category("tile")
    scandir = os.scandir

    class Backwards:
        def __init__(self, path):
            with scandir(path) as entries:
                self.entries = sorted(entries, key=lambda entry: entry.name, reverse=True)

        def __enter__(self):
            return iter(self.entries)

        def __exit__(self, *_error):
            pass

    monkeypatch.setattr(os, "scandir", Backwards)
    assert dataset.category("tile") == first


def test_test_images_are_sorted_by_their_whole_name(tmp_path):
    mvtec(tmp_path, "tile")
    for defect in ("cut-off", "cut.2"):
        picture(tmp_path / "tile/test" / defect / "000.png")
        picture(tmp_path / "tile/ground_truth" / defect / "000.png")
    found = names(open_dataset("mvtec", tmp_path).category("tile").test)
    assert found == sorted(found)


@pytest.mark.parametrize("below", ["", "1cls", "visa", "visa/1cls"])
def test_converted_visa_is_found_at_the_root_and_one_level_down(tmp_path, below):
    mvtec(tmp_path / below, "pipe_fryum", suffix=".JPG", mask=".png")
    dataset = open_dataset("visa", tmp_path)
    assert (dataset.root, dataset.categories) == (tmp_path / below, ("pipe_fryum",))
    category = dataset.category("pipe_fryum")
    assert names(category.test) == ["cut/000.JPG", "good/000.JPG", "hole/000.JPG"]
    assert category.test[0].mask == tmp_path / below / "pipe_fryum/ground_truth/cut/000.png"


def test_upper_case_suffixes_are_images_and_masks(tmp_path):
    mvtec(tmp_path, "tile", suffix=".PNG", mask="_mask.PNG")
    category = open_dataset("mvtec", tmp_path).category("tile")
    assert len(category.train) == 2
    assert category.test[0].mask == tmp_path / "tile/ground_truth/cut/000_mask.PNG"


def test_hidden_files_other_files_and_folders_are_no_images_and_no_categories(tmp_path):
    mvtec(tmp_path, "tile", ".cache")
    for stray in ("tile/train/good/.000.png", "tile/train/good/list.txt", "tile/train/bad/000.png", "tile/readme.txt"):
        (tmp_path / stray).parent.mkdir(exist_ok=True)
        (tmp_path / stray).write_bytes(b"")
    (tmp_path / "tile/train/good/thumbs.png").mkdir()
    (tmp_path / "license").mkdir()
    dataset = open_dataset("mvtec", tmp_path)
    assert dataset.categories == ("tile",)
    assert len(dataset.category("tile").train) == 2


def test_visa_as_published_is_read_by_its_table(published_visa):
    dataset = open_dataset("visa", published_visa)
    assert (dataset.layout, dataset.categories) == ("split_csv", ("candle", "pcb1"))
    category = dataset.category("candle")
    assert names(category.train) == ["train/good/0003.JPG", "train/good/0007.JPG"]
    assert names(category.test) == ["bad/001.JPG", "good/0000.JPG"]
    assert [image.defect_type for image in category.test] == ["bad", "good"]
    assert category.test[0].mask == published_visa / "candle/Data/Masks/Anomaly/001.png"
    assert category.test[1].mask is None


def test_a_published_and_a_converted_copy_have_the_same_image_names(published_visa, tmp_path):
    candle = tmp_path / "converted" / "candle"
    for name in ("train/good/0003.JPG", "train/good/0007.JPG", "test/good/0000.JPG", "test/bad/001.JPG"):
        picture(candle / name)
    picture(candle / "ground_truth/bad/001.png")
    published = open_dataset("visa", published_visa).category("candle")
    converted = open_dataset("visa", tmp_path / "converted").category("candle")
    assert names(published.train + published.test) == names(converted.train + converted.test)


def test_a_table_may_have_columns_in_any_order_windows_line_ends_and_a_byte_order_mark(published_visa):
    table = published_visa / "split_csv" / "1cls.csv"
    rows = [",".join(["x", *reversed(row.split(","))]) for row in ROWS]
    table.write_bytes(("\ufeff" + "\r\n".join(["note,mask,image,label,split,object", *rows, ""])).encode())
    assert len(open_dataset("visa", published_visa).category("candle").test) == 2


def test_an_anomaly_without_a_mask_in_the_table_is_looked_for_where_masks_are(published_visa):
    visa(published_visa, [row.replace("candle/Data/Masks/Anomaly/001.png", "") for row in ROWS])
    dataset = open_dataset("visa", published_visa)
    mask = published_visa / "candle/Data/Masks/Anomaly/001.png"
    assert dataset.category("candle").test[0].mask == mask
    mask.unlink()
    with pytest.raises(InputError, match="has no mask"):
        dataset.category("candle")


def test_anomalies_in_the_train_part_of_a_table_are_no_shots(published_visa):
    visa(published_visa, [*ROWS, "candle,train,anomaly,candle/Data/Images/Anomaly/002.JPG,"])
    assert len(open_dataset("visa", published_visa).category("candle").train) == 2


def test_a_converted_copy_that_kept_the_table_is_read_by_its_folders(tmp_path):
    visa(mvtec(tmp_path, "candle", suffix=".JPG", mask=".png"), ROWS)
    assert open_dataset("visa", tmp_path).layout == "folders"


@pytest.mark.parametrize("column", HEADER.split(","))
def test_a_table_without_a_column_is_refused_by_the_column_s_name(published_visa, column):
    visa(published_visa, ROWS, HEADER.replace(column, "other"))
    with pytest.raises(InputError, match=f"no column {column}") as error:
        open_dataset("visa", published_visa)
    assert "1cls.csv" in str(error.value)


@pytest.mark.parametrize(
    "path", ["../secret.JPG", "/etc/passwd", "candle/../../x.JPG", "..\\x.JPG", "c:/x.JPG", "", "a/..", "x\0.JPG"]
)
def test_a_table_cannot_lead_out_of_the_root(published_visa, path):
    visa(published_visa, [*ROWS, f"candle,train,normal,{path},"])
    with pytest.raises(InputError, match="line 8: the path"):
        open_dataset("visa", published_visa)
    visa(published_visa, [*ROWS, f"candle,test,anomaly,candle/Data/Images/Anomaly/009.JPG,{path or '..'}"])
    with pytest.raises(InputError, match="line 8: the path"):
        open_dataset("visa", published_visa)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("candle,validation,normal,a/0.JPG,", "split 'validation'"),
        ("candle,train,weird,a/0.JPG,", "label 'weird'"),
        ("../candle,train,normal,a/0.JPG,", "'../candle' is not the name"),
        (",train,normal,a/0.JPG,", "'' is not the name"),
        ("candle,train,normal,other/0007.JPG,", "train/good/0007.JPG twice"),
        ("candle,train", "label ''"),
        ('candle,"train', "not a CSV table"),
    ],
)
def test_a_row_that_makes_no_sense_is_refused_by_its_line(published_visa, row, said):
    visa(published_visa, [*ROWS, row])
    with pytest.raises(InputError) as error:
        open_dataset("visa", published_visa)
    assert said in str(error.value)
    assert "1cls.csv" in str(error.value)


def test_a_table_that_is_no_text_is_refused(published_visa):
    (published_visa / "split_csv" / "1cls.csv").write_bytes(b"\xff\xfe\x00object")
    with pytest.raises(InputError, match="not UTF-8 text"):
        open_dataset("visa", published_visa)


def test_an_image_of_the_table_that_is_not_there_is_named(published_visa):
    (published_visa / "candle/Data/Images/Normal/0003.JPG").unlink()
    with pytest.raises(InputError, match=r"0003\.JPG: no such image"):
        open_dataset("visa", published_visa).category("candle")


def test_an_unknown_category_is_answered_with_those_that_exist(tmp_path):
    dataset = open_dataset("mvtec", mvtec(tmp_path, "tile", "bottle"))
    with pytest.raises(UsageError, match="no category 'carpet'") as error:
        dataset.category("carpet")
    assert "bottle, tile" in error.value.hint


def test_a_missing_mask_is_an_error_unless_it_is_asked_to_be_overlooked(tmp_path):
    dataset = open_dataset("mvtec", mvtec(tmp_path, "tile"))
    mask = tmp_path / "tile/ground_truth/cut/000_mask.png"
    mask.unlink()
    with pytest.raises(InputError, match="has no mask") as error:
        dataset.category("tile")
    assert str(mask) in str(error.value)
    assert dataset.category("tile", verify=False).test[0].mask == mask


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_category_whose_folders_are_empty_cannot_be_run(tmp_path, part):
    mvtec(tmp_path, "tile")
    for path in (tmp_path / "tile" / part).glob("*/*"):
        path.unlink()
    dataset = open_dataset("mvtec", tmp_path)
    with pytest.raises(InputError, match=f"tile has no {part} images"):
        dataset.category("tile")
    assert dataset.category("tile", verify=False).name == "tile"


def test_a_wrong_root_is_answered_with_what_was_looked_for_and_what_is_there(tmp_path):
    for name in "abcdefgh":
        (tmp_path / f"folder_{name}").mkdir()
    with pytest.raises(InputError) as error:
        open_dataset("mvtec", tmp_path)
    for said in (str(tmp_path / "mvtec"), "<category>/test", "split_csv/1cls.csv", "folder_a, folder_b", "(8 in all)"):
        assert said in str(error.value)
    assert "--data-root" in error.value.hint


@pytest.mark.parametrize(
    ("make", "said"), [("none", "no such folder"), ("file", "not a folder"), ("empty", "found nothing")]
)
def test_a_root_that_is_nothing_a_file_or_empty_is_refused(tmp_path, make, said):
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=said):
        open_dataset("mvtec", tmp_path / make)


def test_a_root_one_level_too_high_or_too_low_is_corrected(tmp_path):
    root = mvtec(tmp_path / "data" / "mvtec_anomaly_detection", "tile")
    for wrong in (root.parent, root / "tile", root / "tile" / "test", root / "tile" / "ground_truth"):
        with pytest.raises(InputError) as error:
            open_dataset("mvtec", wrong)
        assert error.value.hint.endswith(f"give --data-root {root}")
    assert open_dataset("mvtec", root).categories == ("tile",)


def test_a_relative_root_is_corrected_too(tmp_path, monkeypatch):
    root = mvtec(tmp_path / "data", "tile")
    monkeypatch.chdir(root / "tile")
    with pytest.raises(InputError) as error:
        open_dataset("mvtec", (root / "tile").relative_to(root / "tile"))
    assert error.value.hint.endswith(f"give --data-root {root}")


def test_another_data_set_than_the_name_says_is_refused(tmp_path):
    mvtec(tmp_path, "candle", "pcb1")
    with pytest.raises(InputError, match="no category of mvtec") as error:
        open_dataset("mvtec", tmp_path)
    assert "--dataset visa" in error.value.hint
    assert open_dataset("mine", tmp_path).categories == ("candle", "pcb1")


@pytest.mark.parametrize("name", ["", "..", "a/b", "/tmp"])
def test_a_data_set_s_name_is_a_plain_word(tmp_path, name):
    with pytest.raises(UsageError, match="not the name of a dataset"):
        open_dataset(name, tmp_path)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_an_image_of_any_kind_becomes_rgb(tmp_path, mode):
    pixels = np.array([[0, 255, 255], [255, 0, 255]], np.uint8)
    image = Image.fromarray(pixels.astype(np.uint16) * 257) if mode == "I;16" else Image.fromarray(pixels).convert(mode)
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    image.save(path)
    found = read_image(path)
    assert (found.mode, found.size) == ("RGB", (3, 2))
    assert np.array_equal(np.asarray(found), np.repeat(pixels[..., None], 3, -1))


def test_sixteen_bit_grey_is_scaled_not_cut(tmp_path):
    grey = np.array([[0, 128, 256, 32896, 65279, 65535]], np.uint16)
    Image.fromarray(grey).save(tmp_path / "grey.png")
    assert np.asarray(read_image(tmp_path / "grey.png"))[0, :, 0].tolist() == [0, 0, 1, 128, 254, 255]


def test_a_transparent_palette_keeps_its_colours(tmp_path):
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    image.save(tmp_path / "palette.png", transparency=b"\x00\x80")
    assert np.asarray(read_image(tmp_path / "palette.png")).tolist() == [[[10, 20, 30], [200, 100, 50]]]


@pytest.mark.parametrize("pixels", [np.ones((2, 3), np.float32), np.full((2, 3), 70000, np.int32)])
def test_pixels_without_an_agreed_white_are_refused(tmp_path, pixels):
    Image.fromarray(pixels).save(tmp_path / "image.tif")
    with pytest.raises(InputError, match="no agreed white") as error:
        read_image(tmp_path / "image.tif")
    assert "8 or 16 bit" in error.value.hint


@pytest.mark.filterwarnings("ignore:Truncated File Read")
@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "tif"])
def test_an_image_that_is_cut_short_is_refused_by_name(tmp_path, suffix):
    path = tmp_path / f"image.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50, 3), np.uint8)).save(path)
    whole = path.read_bytes()
    for size in range(0, len(whole) - 200, 97):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match=rf"image\.{suffix}: not a readable image"):
            read_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_an_image_damaged_anywhere_is_read_or_refused_by_name(tmp_path):
    generator = np.random.default_rng(0)
    for suffix in ("png", "jpg", "bmp", "tif"):
        path = tmp_path / f"image.{suffix}"
        Image.fromarray(generator.integers(0, 255, (9, 11, 3), np.uint8)).save(path)
        whole = path.read_bytes()
        for at in range(len(whole)):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ int(generator.integers(1, 256))]) + whole[at + 1 :])
            try:
                assert read_image(path).mode == "RGB"
            except InputError as error:
                assert str(path) in str(error)  # noqa: PT017 - a damaged picture may still be one


def test_a_missing_image_and_a_decompression_bomb_are_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="cannot be read"):
        read_image(tmp_path / "none.png")
    path = picture(tmp_path / "bomb.png", size=(100, 100))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(InputError, match="not a readable image"):
        read_image(path)


def test_masks_of_faint_pixels_count_in_every_mode(tmp_path):
    Image.fromarray(np.array([[0, 1, 255]], np.uint16)).save(tmp_path / "deep.png")
    assert read_mask(tmp_path / "deep.png").tolist() == [[False, True, True]]
    Image.fromarray(np.array([[[0, 0, 0], [0, 0, 1]]], np.uint8)).save(tmp_path / "blue.png")
    assert read_mask(tmp_path / "blue.png").tolist() == [[False, True]]


def test_masks_are_stacked_with_nothing_for_normal_images(tmp_path):
    mask = tmp_path / "mask.png"
    Image.fromarray(np.array([[0, 7], [0, 0]], np.uint8)).save(mask)
    images = [LabelledImage("good/0.png", mask, "good", None), LabelledImage("cut/0.png", mask, "cut", mask)]
    masks = load_masks(images, 4, 6)
    assert (masks.shape, masks.dtype) == ((2, 4, 6), np.bool_)
    assert not masks[0].any()
    assert masks[1].nonzero()[0].tolist() == [0, 0, 0, 1, 1, 1]
    assert load_masks([], 4, 6).shape == (0, 4, 6)


def labelled(path, name):
    return LabelledImage(name, path, "good", None)


def test_a_support_image_in_the_test_set_is_found_by_path_and_by_content(tmp_path):
    shot = picture(tmp_path / "a.png", 10)
    copy = tmp_path / "copy.png"
    copy.write_bytes(shot.read_bytes())
    (tmp_path / "link.png").symlink_to(shot)
    other = picture(tmp_path / "b.png", 11)
    assert other.stat().st_size == shot.stat().st_size
    test = [labelled(path, path.name) for path in (copy, other, shot, tmp_path / "link.png", tmp_path / "missing.png")]
    assert support_in_test([labelled(shot, "train/good/a.png")], test) == ["copy.png", "a.png", "link.png"]
    assert support_in_test([labelled(tmp_path / "missing.png", "train/good/missing.png")], test) == []
    assert support_in_test([], test) == []


def test_only_files_of_equal_size_are_hashed_and_each_once(tmp_path, monkeypatch):
    hashed = []
    shots = [labelled(picture(tmp_path / f"shot{n}.bmp", n), f"s{n}") for n in range(3)]
    test = [labelled(picture(tmp_path / f"test{n}.bmp", 100 + n), f"t{n}") for n in range(3)]
    test.append(labelled(picture(tmp_path / "large.bmp", size=(400, 300)), "large"))
    from promptad_db.datasets import overlap

    real = overlap._sha256
    monkeypatch.setattr(overlap, "_sha256", lambda path: hashed.append(path) or real(path))
    assert support_in_test(shots, test) == []
    assert len(hashed) == len(set(hashed)) == 6
