"""The data check reads everything once, lists all that is amiss with the file and the mend, and never stops early."""

import pytest
from PIL import Image

from promptad_db.datasets import open_dataset
from promptad_db.datasets.check import check_dataset
from promptad_db.errors import UsageError


def picture(path, shade, size=(8, 6)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, shade).save(path)
    return path


@pytest.fixture
def mvtec(tmp_path):
    """A sound dataset of two categories."""
    for category, size in (("tile", (8, 6)), ("metal_nut", (20, 20))):
        root = tmp_path / category
        for shade, name in enumerate(
            ("train/good/000", "train/good/001", "test/good/000", "test/cut/000", "test/hole/000")
        ):
            picture(root / f"{name}.png", shade, size)
        for defect in ("cut", "hole"):
            picture(root / "ground_truth" / defect / "000_mask.png", 255, size)
    return tmp_path


def only_problem(root, name="mvtec"):
    check = check_dataset(open_dataset(name, root))
    assert sum(row["problems"] for row in check.rows.records()) == len(check.problems)
    (problem,) = check.problems
    assert "; " in problem
    return problem


def test_a_sound_data_set_is_counted_and_has_no_problems(mvtec):
    check = check_dataset(open_dataset("mvtec", mvtec))
    assert check.problems == []
    assert check.rows.columns == (
        "dataset", "category", "train", "test_good", "test_anomalous", "defect_types", "masks", "image_sizes", "problems",
    )  # fmt: skip
    assert check.rows.rows == [
        ("mvtec", "metal_nut", 2, 1, 2, 2, 2, "20x20", 0),
        ("mvtec", "tile", 2, 1, 2, 2, 2, "8x6", 0),
    ]


def test_chosen_categories_are_checked_once_each_in_the_order_asked_for(mvtec):
    dataset = open_dataset("mvtec", mvtec)
    check = check_dataset(dataset, ["tile", "metal_nut", "tile"])
    assert [row[1] for row in check.rows.rows] == ["tile", "metal_nut"]
    with pytest.raises(UsageError, match="no category 'wood'"):
        check_dataset(dataset, ["tile", "wood"])


def test_progress_hears_of_every_image(mvtec):
    heard = []
    check_dataset(open_dataset("mvtec", mvtec), progress=lambda *step: heard.append(step))
    assert heard == [("reading images", done, 10) for done in range(1, 11)]


def test_an_unreadable_image_is_named(mvtec):
    path = mvtec / "tile/test/good/000.png"
    path.write_bytes(path.read_bytes()[:50])
    assert f"{path}: not a readable image" in only_problem(mvtec)


def test_a_missing_mask_is_named_with_its_place(mvtec):
    mask = mvtec / "tile/ground_truth/cut/000_mask.png"
    mask.unlink()
    problem = only_problem(mvtec)
    assert str(mvtec / "tile/test/cut/000.png") in problem
    assert f"add {mask}" in problem


def test_an_unreadable_mask_is_named(mvtec):
    mask = mvtec / "tile/ground_truth/cut/000_mask.png"
    mask.write_bytes(b"")
    assert f"{mask}: not a readable image" in only_problem(mvtec)


def test_a_mask_of_another_size_is_named_with_both_sizes(mvtec):
    mask = picture(mvtec / "tile/ground_truth/cut/000_mask.png", 255, (6, 8))
    assert f"{mask}: is 6x8 and its image 8x6 pixels" in only_problem(mvtec)


def test_an_empty_mask_of_an_anomalous_image_is_named(mvtec):
    mask = picture(mvtec / "tile/ground_truth/cut/000_mask.png", 0)
    assert f"{mask}: is empty" in only_problem(mvtec)


def test_a_lossy_mask_is_named_and_how_it_is_read(mvtec):
    mask = mvtec / "tile/ground_truth/cut/000_mask.png"
    Image.linear_gradient("L").resize((8, 6)).point(lambda grey: 250 if grey > 90 else 4).save(mask)
    assert f"{mask}: holds greys, read as anomalous above half grey; save it as PNG" in only_problem(mvtec)


def test_a_mask_that_cannot_be_meant_is_named_with_the_mend(mvtec):
    mask = picture(mvtec / "metal_nut/ground_truth/cut/000_mask.png", 255, (20, 20))
    image = Image.open(mask)
    image.paste(0, (5, 5, 9, 9))
    image.save(mask)
    assert f"{mask}: is anomalous in most of the image and along its border" in only_problem(mvtec)
    assert "invert it" in only_problem(mvtec)


def test_without_masks_only_what_is_there_is_checked(mvtec):
    (mvtec / "tile/ground_truth/cut/000_mask.png").unlink()
    dataset = open_dataset("mvtec", mvtec)
    assert check_dataset(dataset, masks=False).problems == []
    empty = picture(mvtec / "tile/ground_truth/hole/000_mask.png", 0)
    (problem,) = check_dataset(dataset, masks=False).problems
    assert problem.startswith(f"{empty}: is empty")


@pytest.mark.parametrize("name", ["ok", "OK", "normal", "Good"])
def test_normal_images_that_do_not_lie_in_good_are_one_problem(mvtec, name):
    for part in ("train", "test"):
        (mvtec / "tile" / part / "good").rename(mvtec / "tile" / part / name)
    problem = only_problem(mvtec)
    assert f"tile: normal images must lie in train/good and test/good (found train/{name}, test/{name})" in problem
    assert f"rename {mvtec / 'tile/train' / name}" in problem


def test_a_mask_without_an_image_is_named(mvtec):
    mask = picture(mvtec / "tile/ground_truth/cut/007_mask.png", 255)
    assert f"{mask}: is the mask of no test image" in only_problem(mvtec)


def test_masks_of_normal_images_are_no_strays(mvtec):
    picture(mvtec / "tile/ground_truth/good/000_mask.png", 0)
    (mvtec / "tile/ground_truth/cut/.DS_Store").write_bytes(b"")
    assert check_dataset(open_dataset("mvtec", mvtec)).problems == []


@pytest.mark.parametrize(
    ("folder", "part", "counts"),
    [
        ("train/good", "train", (0, 1, 2)),
        ("test/good", "normal test", (2, 0, 2)),
        ("test/[ch]*", "anomalous test", (2, 1, 0)),
    ],
)
def test_a_category_without_a_part_is_named(mvtec, folder, part, counts):
    for path in [*mvtec.glob(f"tile/{folder}/*"), *(mvtec.glob("tile/ground_truth/*/*") if "[" in folder else ())]:
        path.unlink()
    assert f"tile has no {part} images" in only_problem(mvtec)
    assert check_dataset(open_dataset("mvtec", mvtec), ["tile"]).rows.rows[0][2:5] == counts


def test_a_test_image_equal_to_a_train_image_is_named_with_it(mvtec):
    train, test = mvtec / "tile/train/good/001.png", mvtec / "tile/test/good/000.png"
    test.write_bytes(train.read_bytes())
    problem = only_problem(mvtec)
    assert f"{test}: is a test image identical to the train image {train}" in problem


def test_several_image_sizes_are_told_by_the_smallest_and_the_largest(mvtec):
    picture(mvtec / "tile/train/good/002.png", 9, (5, 5))
    picture(mvtec / "tile/train/good/003.png", 9, (4, 7))
    check = check_dataset(open_dataset("mvtec", mvtec), ["tile"])
    assert check.rows.records()[0]["image_sizes"] == "5x5 to 8x6 (3 sizes)"


def test_all_problems_are_listed_however_many(mvtec):
    for path in mvtec.rglob("*.png"):
        path.write_bytes(b"no picture")
    picture(mvtec / "tile/ground_truth/cut/009.png", 255)
    check = check_dataset(open_dataset("mvtec", mvtec))
    unreadable = [problem for problem in check.problems if "not a readable image" in problem]
    identical = [problem for problem in check.problems if "identical" in problem]
    assert (len(unreadable), len(identical), len(check.problems)) == (14, 6, 21)
    assert [row[5:] for row in check.rows.rows] == [(2, 0, "", 10), (2, 0, "", 11)]


@pytest.fixture
def visa(tmp_path):
    """VisA as published, of one sound object."""
    data = tmp_path / "candle" / "Data"
    rows = ["object,split,label,image,mask"]
    for shade, (split, label, image) in enumerate(
        [("train", "normal", "Normal/0000"), ("test", "normal", "Normal/0001"), ("test", "anomaly", "Anomaly/000")]
    ):
        picture(data / "Images" / f"{image}.JPG", shade * 50)
        mask = f"candle/Data/Masks/{image}.png" if label == "anomaly" else ""
        rows.append(f"candle,{split},{label},candle/Data/Images/{image}.JPG,{mask}")
    picture(data / "Masks/Anomaly/000.png", 1)
    (tmp_path / "split_csv").mkdir()
    (tmp_path / "split_csv/1cls.csv").write_text("\n".join(rows))
    return tmp_path


def test_visa_as_published_is_checked_by_its_table(visa):
    check = check_dataset(open_dataset("visa", visa))
    assert (check.rows.rows, check.problems) == ([("visa", "candle", 1, 1, 1, 1, 1, "8x6", 0)], [])


def test_an_image_of_the_table_that_is_missing_is_named(visa):
    path = visa / "candle/Data/Images/Normal/0000.JPG"
    path.unlink()
    assert f"{path}: cannot be read" in only_problem(visa, "visa")


def test_a_mask_that_the_table_does_not_name_is_named(visa):
    mask = picture(visa / "candle/Data/Masks/Anomaly/009.png", 1)
    assert f"{mask}: is the mask of no test image" in only_problem(visa, "visa")


def test_a_table_that_breaks_after_opening_is_one_problem(visa):
    dataset = open_dataset("visa", visa)
    (visa / "split_csv/1cls.csv").write_text("nothing")
    check = check_dataset(dataset)
    assert check.rows.rows == [("visa", "candle", None, None, None, None, None, None, 1)]
    assert "no column" in check.problems[0]
