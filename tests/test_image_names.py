"""Two runs that found an image by different paths call it the same."""

import numpy as np
import pytest

from promptad_db import open_db, start_run
from promptad_db.datasets.image_names import image_names

SAME = {
    "crack/000.png": [
        "crack/000.png", "./crack/000.png", "crack//000.png", "crack\\\\000.png", "test/crack/000.png", "x/../crack/000.png",
        "bottle/test/crack/000.png", "/data/mvtec/bottle/test/crack/000.png", "../mvtec/bottle/test/crack/000.png",
        "C:\\\\mvtec\\\\bottle\\\\test\\\\crack\\\\000.png", "s3://bucket/bottle/test/crack/000.png", "/test/bottle/test/crack/000.png",
    ],
    "test/0.png": ["test/0.png", "/data/bottle/test/0.png", "./test/0.png", "D:/bottle/test/0.png"],
    "bottle/crack/000.png": ["bottle/crack/000.png", "/data/mvtec/bottle/crack/000.png", "file:///bottle/bottle/crack/000.png"],
    "0.png": ["0.png", "/0.png", "/data/somewhere/0.png", "./0.png"],
    "testing/0.png": ["testing/0.png", "./testing/0.png"],
}  # fmt: skip


@pytest.mark.parametrize(("name", "given"), [(name, one) for name, several in SAME.items() for one in several])
def test_an_image_has_one_name_by_whatever_path(name, given):
    assert image_names("bottle", [given]) == [name]
    assert image_names("bottle", [name]) == [name]


def test_of_absolute_paths_without_a_folder_that_is_known_the_rest_counts():
    assert image_names("bottle", ["/x/y/a/0.png", "/x/y/b/0.png"]) == ["a/0.png", "b/0.png"]
    assert image_names("bottle", ["/x/y/0.png", "/x/y/b/0.png"]) == ["0.png", "b/0.png"]
    assert image_names("bottle", ["/x/y/a/0.png", "/x/y/a/1.png"]) == ["0.png", "1.png"]


@pytest.mark.parametrize(
    "given", [["/a/test/0.png", "/b/test/0.png"], ["./0.png", "0.png"], ["/", "0.png"], ["/x/test/c/0.png", "c/0.png"]]
)
def test_where_two_images_would_get_one_name_all_keep_theirs(given):
    assert image_names("bottle", given) == given


def test_two_runs_of_the_same_images_share_them_in_the_database():
    random = np.random.default_rng(0)
    labels = np.arange(20) % 2
    for seed, prefix in enumerate(("test/", "/data/mvtec/bottle/test/")):
        with start_run(dataset="mvtec", task="cls", k_shot=1, seed=seed, method="m") as run:
            images = [f"{prefix}{index}.png" for index in range(20)]
            run.log_category("bottle", images=images, labels=labels, branches={"memory": random.random(20)})
    assert open_db().query("SELECT COUNT(DISTINCT image), COUNT(*) FROM images").rows == [(20, 40)]
