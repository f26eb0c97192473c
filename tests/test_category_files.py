"""A category comes back as it was written, and files that cannot be trusted are refused by name, whatever they hold."""

import json
import subprocess
import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from promptad_db.errors import InputError
from promptad_db.records import CategoryResult, Metric
from promptad_db.run_folder import parquet
from promptad_db.run_folder.category import decode_mask, encode_mask, read_category_files, write_category_files

MASKS = arrays.array_shapes(min_dims=2, max_dims=2, max_side=9).flatmap(lambda shape: arrays.arrays(bool, shape))


def small_result(**changes):
    masks = np.zeros((2, 4, 4), dtype=bool)
    masks[1, 1:3, 1:3] = True
    fields = {
        "images": ["good/0.png", "crack/0.png"],
        "labels": np.array([0, 1], np.int8),
        "defect_types": ["good", "crack"],
        "scores": {"semantic": np.array([0.1, 0.9]), "memory": np.array([0.3, 0.2])},
        "maps": {branch: np.arange(8, dtype=np.float32).reshape(2, 2, 2) for branch in ("semantic", "memory")},
        "masks": masks,
        "metrics": [
            Metric("image", "semantic", "auroc", 1.0, "exact", n_pos=1, n_neg=1),
            Metric("pixel", "max", "auroc", 0.75, "exact", ci_low=0.5, ci_high=1.0),
            Metric("image", "max", "auroc", 0.5, "reported", precision=1e-4),
            Metric("image", "oracle", "auroc", None, "reported", note="not run"),
        ],
        "timings": {"encode": 0.25},
    }
    return CategoryResult("carpet", **(fields | changes))


def assert_same(one, other):
    assert one.category == other.category
    assert one.images == other.images
    assert one.defect_types == other.defect_types
    assert one.timings == other.timings
    assert [asdict(metric) for metric in one.metrics] == [asdict(metric) for metric in other.metrics]
    for left, right in ((one.labels, other.labels), (one.masks, other.masks)):
        assert (left is None) == (right is None)
        if left is not None:
            assert left.dtype == right.dtype
            assert np.array_equal(left, right)
    for left, right in ((one.scores, other.scores), (one.maps, other.maps)):
        assert list(left) == list(right)
        for branch, values in left.items():
            assert values.dtype == right[branch].dtype
            assert np.array_equal(values, right[branch])


def read_back(folder):
    return read_category_files(Path(folder), "carpet")


def test_maps_in_doubles_come_back_as_doubles_and_the_others_as_float32(tmp_path):
    close = 1 - np.arange(8).reshape(2, 2, 2) * 1e-12
    result = small_result(maps={"semantic": np.arange(8, dtype=np.float32).reshape(2, 2, 2), "memory": close})
    write_category_files(tmp_path, result)
    assert str(pq.read_schema(tmp_path / "maps.parquet").field("scores").type.value_type) == "double"
    assert_same(read_back(tmp_path), result)


def test_files_of_float32_maps_and_masks_of_two_values_have_the_columns_they_always_had(written):
    schema = pq.read_schema(written / "maps.parquet")
    assert str(schema.field("scores").type.value_type) == "float"
    assert pq.read_schema(written / "masks.parquet").names == ["image", "height", "width", "run_lengths"]


def test_which_masks_were_thresholded_is_kept(tmp_path):
    write_category_files(tmp_path, small_result(thresholded=np.array([False, True])))
    assert read_back(tmp_path).thresholded.tolist() == [False, True]
    table = pq.read_table(tmp_path / "masks.parquet")
    for column in (pa.array([1, 0]), pa.array([None, True])):
        pq.write_table(table.set_column(4, "thresholded", column), tmp_path / "masks.parquet")
        refused(tmp_path, match=r"masks\.parquet: column thresholded")


def test_images_of_older_versions_get_the_names_that_other_runs_give_them(written):
    for file in ("images", "maps", "masks"):
        table = pq.read_table(written / f"{file}.parquet")
        names = pa.array([f"/data/carpet/test/{name}" for name in table["image"].to_pylist()])
        pq.write_table(table.set_column(table.column_names.index("image"), "image", names), written / f"{file}.parquet")
    assert read_back(written).images == small_result().images


@pytest.fixture
def written(tmp_path):
    """The folder of a whole category, to be broken."""
    write_category_files(tmp_path, small_result())
    return tmp_path


def refused(folder, *, match):
    """The reason why a category is refused: an InputError that names its file, and no other exception."""
    with pytest.raises(InputError, match=match) as error:
        read_back(folder)
    assert str(folder) in str(error.value)
    return str(error.value)


@st.composite
def results(draw):
    text = partial(st.text, st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
    count = draw(st.integers(1, 4))
    branches = draw(st.lists(text(min_size=1, max_size=6), min_size=1, max_size=3, unique=True))
    labels = draw(st.none() | arrays.arrays(np.int8, count, elements=st.integers(0, 1)))
    masks = draw(
        st.none()
        | st.tuples(st.integers(1, 7), st.integers(1, 7)).flatmap(lambda size: arrays.arrays(bool, (count, *size)))
    )
    if masks is not None and labels is not None:
        masks &= labels.astype(bool)[:, None, None]
    float32 = st.floats(width=32, allow_nan=False, allow_infinity=False)
    sizes = {
        branch: draw(st.tuples(st.integers(1, 4), st.integers(1, 4))) for branch in branches if draw(st.booleans())
    }
    kinds = draw(st.none() | st.lists(st.none() | text(), min_size=count, max_size=count))
    return CategoryResult(
        "carpet",
        images=draw(st.lists(text(), min_size=count, max_size=count, unique=True)),
        labels=labels,
        defect_types=kinds if kinds and any(kind is not None for kind in kinds) else None,
        scores={
            branch: draw(arrays.arrays(np.float64, count, elements=st.floats(allow_nan=False, allow_infinity=False)))
            for branch in branches
        },
        maps={
            branch: draw(arrays.arrays(np.float32, (count, *size), elements=float32)) for branch, size in sizes.items()
        },
        masks=masks,
        metrics=[
            Metric("image", branch, "auroc", draw(st.floats(0, 1)), "reported", note=draw(st.none() | text()))
            for branch in branches
        ],
        timings=draw(st.dictionaries(text(), st.floats(0, 1e9), max_size=2)),
    )


@settings(max_examples=60, deadline=None)
@given(results())
@example(small_result())
@example(CategoryResult("carpet"))
@example(CategoryResult("carpet", ["a"], scores={"a": np.zeros(1), " ": np.ones(1)}))
def test_a_category_comes_back_as_it_was_written(result):
    with TemporaryDirectory() as folder:
        write_category_files(Path(folder), result)
        assert_same(read_back(folder), result)


@given(MASKS)
@example(np.ones((3, 2), dtype=bool))
@example(np.zeros((1, 1), dtype=bool))
def test_a_mask_comes_back_from_its_run_lengths(mask):
    lengths = encode_mask(mask)
    assert lengths.sum() == mask.size
    assert (lengths[1:] > 0).all()
    assert np.array_equal(decode_mask(lengths, *mask.shape), mask)


@pytest.mark.parametrize(
    "lengths",
    [[], [15], [17], [8, 9], [-1, 17], [20, -4], [16, -1, 1], [2**62, 2**62]],
    ids=str,
)
def test_run_lengths_that_do_not_fill_a_mask_are_refused(lengths):
    with pytest.raises(ValueError, match="do not fill 4 x 4"):
        decode_mask(np.array(lengths, dtype=np.int64), 4, 4)


@pytest.mark.parametrize("size", [(0, 4), (4, 0), (-4, -4)])
def test_a_mask_without_pixels_is_refused(size):
    with pytest.raises(ValueError, match="do not fill"):
        decode_mask(np.array([size[0] * size[1]], dtype=np.int64), *size)


def test_run_lengths_whose_sum_overflows_are_refused_before_memory_is_written():
    program = (
        "import numpy as np\n"
        "from promptad_db.run_folder.category import decode_mask\n"
        "try:\n"
        "    decode_mask(np.array([2**62] * 4 + [16], dtype=np.int64), 4, 4)\n"
        "except ValueError as error:\n"
        "    print(error)\n"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert answer.returncode == 0
    assert "do not fill 4 x 4" in answer.stdout


TEXTS, NUMBERS, NULLS = ["a", "b", "c", "d"], [1, 2, 3, 4], [None] * 4
PAIRS = [[1, 2], [3], [], [4]]
BROKEN_IMAGES = [
    ("score", pa.array([0.1, np.nan, 0.2, 0.3])), ("score", pa.array([0.1, np.inf, 0.2, 0.3])),
    ("score", pa.array([0.1, None, 0.2, 0.3])), ("score", pa.array(TEXTS)), ("score", pa.array(["1", "2", "3", "4"])),
    ("score", pa.array(PAIRS)), ("score", pa.array(NULLS)), ("score", pa.array([{"a": 1.0}] * 4)),
    ("score", pa.array([b"\xff"] * 4)),
    ("label", pa.array([0, 2, 0, 2])), ("label", pa.array([0, -1, 0, -1])), ("label", pa.array([0, 300, 0, 300])),
    ("label", pa.array([0, 2**40, 0, 2**40])), ("label", pa.array([0, None, 0, None])), ("label", pa.array([0, 1, 0, 0])),
    ("label", pa.array([0.0, 0.5, 0.0, 0.5])), ("label", pa.array(TEXTS)), ("label", pa.array(["0", "1", "0", "1"])),
    ("label", pa.array([[0], [1], [0], [1]])), ("label", pa.array([0.0, np.nan, 0.0, np.nan])),
    ("image", pa.array(["a", "a", "a", "a"])), ("image", pa.array(TEXTS)), ("image", pa.array(NUMBERS)),
    ("image", pa.array([1, 2, 1, 2])), ("image", pa.array(NULLS)), ("image", pa.array(["a", None, "a", None])),
    ("image", pa.array([["a"], ["b"], ["a"], ["b"]])),
    ("branch", pa.array(NULLS)), ("branch", pa.array(["a", "a", None, None])), ("branch", pa.array([1, 1, 2, 2])),
    ("branch", pa.array([["a"], ["a"], ["b"], ["b"]])), ("branch", pa.array([{"a": 1}, {"a": 1}, {"a": 2}, {"a": 2}])),
    ("branch", pa.array(["a", "a", "a", "b"])), ("branch", pa.array(["", "", "b", "b"])),
    ("branch", pa.array([b"\xff", b"\xff", b"b", b"b"])),
    ("defect_type", pa.array([1, 2, 1, 2])), ("defect_type", pa.array([["a"], ["b"], ["a"], ["b"]])),
]  # fmt: skip
LISTS = [[0.0, 1.0, 2.0, 3.0]] * 3
BROKEN_MAPS = [
    ("scores", pa.array([[0.0, 1.0, 2.0, np.nan], *LISTS])), ("scores", pa.array([[0.0, 1.0, 2.0, np.inf], *LISTS])),
    ("scores", pa.array([[0.0, 1.0, 2.0, None], *LISTS])), ("scores", pa.array([None, *LISTS])),
    ("scores", pa.array([[0.0, 1.0, 2.0], *LISTS])), ("scores", pa.array([[0.0, 1.0, 2.0], [0.0] * 5, *LISTS[1:]])),
    ("scores", pa.array([[0.0, 1.0, 2.0, 1e300], *LISTS])), ("scores", pa.array([TEXTS] * 4)), ("scores", pa.array(NULLS)),
    ("scores", pa.array([[[0.0, 1.0], [2.0], [], [3.0]]] * 4)), ("scores", pa.array([0.5] * 4)), ("scores", pa.array(TEXTS)),
    ("scores", pa.array([[{"a": 1.0}] * 4] * 4)),
    ("height", pa.array([4] * 4)), ("height", pa.array([0] * 4)), ("height", pa.array([-2] * 4)),
    ("height", pa.array([2**30] * 4)), ("height", pa.array([2**62] * 4)), ("height", pa.array([2, 2, 2, 1])),
    ("height", pa.array([2.0] * 4)), ("height", pa.array(["2"] * 4)), ("height", pa.array(NULLS)),
    ("height", pa.array([[2]] * 4)), ("height", pa.array([True] * 4)),
    ("image", pa.array(TEXTS)), ("image", pa.array(NULLS)), ("image", pa.array([["a"]] * 4)),
    ("branch", pa.array([1, 1, 2, 2])), ("branch", pa.array(NULLS)), ("branch", pa.array([["a"], ["a"], ["b"], ["b"]])),
    ("branch", pa.array(["a", "a", "a", "b"])), ("branch", pa.array(["", "", "b", "b"])),
]  # fmt: skip
BROKEN_MASKS = [
    ("run_lengths", pa.array([[16], [15]])), ("run_lengths", pa.array([[16], [17]])), ("run_lengths", pa.array([[16], []])),
    ("run_lengths", pa.array([[16], None])), ("run_lengths", pa.array([[16], [8, None, 8]])),
    ("run_lengths", pa.array([[16], [-1, 17]])), ("run_lengths", pa.array([[16], [20, -4]])),
    ("run_lengths", pa.array([[16.0], [15.5, 1.0]])),
    ("run_lengths", pa.array([[16.0], [np.nan]])), ("run_lengths", pa.array([["16"], ["16"]])),
    ("run_lengths", pa.array([[16], [2**64 - 1]], pa.list_(pa.uint64()))), ("run_lengths", pa.array([16, 16])),
    ("run_lengths", pa.array([[[16]], [[16]]])), ("run_lengths", pa.array(["16", "16"])),
    ("height", pa.array([4, 8])), ("height", pa.array([0, 0])), ("height", pa.array([-4, -4])),
    ("height", pa.array([4.0, 4.0])), ("height", pa.array(["4", "4"])), ("height", pa.array([None, None])),
    ("height", pa.array([[4], [4]])), ("height", pa.array([2**60, 2**60])),
    ("image", pa.array(["crack/0.png", "good/0.png"])), ("image", pa.array([None, None])),
]  # fmt: skip
BROKEN = [
    (f"{file}.parquet", *case)
    for file, cases in (("images", BROKEN_IMAGES), ("maps", BROKEN_MAPS), ("masks", BROKEN_MASKS))
    for case in cases
]


ALONE = {
    "images.parquet": {"maps": {}, "masks": None, "metrics": []},
    "maps.parquet": {"masks": None, "metrics": []},
    "masks.parquet": {"labels": None, "maps": {}, "metrics": []},
}


@pytest.mark.parametrize(
    ("file", "column", "values"), BROKEN, ids=[f"{f} {c} {v.to_pylist()}"[:70] for f, c, v in BROKEN]
)
def test_a_broken_column_is_refused_and_nothing_else_happens(tmp_path, file, column, values):
    write_category_files(tmp_path, small_result(**ALONE[file]))
    assert read_back(tmp_path).images == small_result().images
    table = pq.read_table(tmp_path / file)
    pq.write_table(table.set_column(table.column_names.index(column), column, values), tmp_path / file)
    refused(tmp_path, match=f"{file}|category 'carpet'")


COLUMNS = [
    *(("images.parquet", name) for name in ("image", "defect_type", "label", "branch", "score")),
    *(("maps.parquet", name) for name in ("image", "branch", "height", "width", "scores")),
    *(("masks.parquet", name) for name in ("image", "height", "width", "run_lengths")),
]


@pytest.mark.parametrize(("file", "column"), COLUMNS)
def test_a_missing_column_is_named(written, file, column):
    pq.write_table(pq.read_table(written / file).drop_columns(column), written / file)
    refused(written, match=f"{file}: lacks the columns {column}")


@pytest.mark.parametrize("file", ["images.parquet", "maps.parquet", "masks.parquet"])
def test_a_column_that_stands_there_twice_is_refused(written, file):
    table = pq.read_table(written / file)
    pq.write_table(table.append_column("image", table["image"]), written / file)
    refused(written, match=file)


@pytest.mark.parametrize("file", ["images.parquet", "maps.parquet", "masks.parquet"])
def test_a_truncated_parquet_file_is_refused(written, file):
    whole = (written / file).read_bytes()
    for size in range(0, len(whole), max(1, len(whole) // 20)):
        (written / file).write_bytes(whole[:size])
        refused(written, match=f"{file}: not a readable Parquet file")


@pytest.mark.parametrize("file", ["images.parquet", "maps.parquet", "masks.parquet"])
def test_a_parquet_file_without_rows_is_refused(written, file):
    pq.write_table(pq.read_table(written / file).slice(0, 0), written / file)
    refused(written, match="parquet|metrics")


def test_masks_of_a_huge_declared_size_are_refused_before_memory_is_taken(written):
    table = pa.table(
        {
            "image": ["good/0.png", "crack/0.png"],
            "height": pa.array([2**30] * 2, pa.int32()),
            "width": pa.array([2**30] * 2, pa.int32()),
            "run_lengths": [[2**60], [2**59, 2**59]],
        }
    )
    pq.write_table(table, written / "masks.parquet")
    refused(written, match="more than a category can hold")


def test_texts_that_unpack_to_more_than_a_file_of_its_size_should_are_refused(written, monkeypatch):
    monkeypatch.setattr(parquet, "LARGEST_UNPACKED", 4096)
    monkeypatch.setattr(parquet, "PACKING", 1)
    table = pq.read_table(written / "masks.parquet")
    long = table.set_column(table.column_names.index("image"), "image", [["a" * 10_000, "b" * 10_000]])
    pq.write_table(long, written / "masks.parquet", use_dictionary=False, write_statistics=False)
    assert (written / "masks.parquet").stat().st_size < 4096
    refused(written, match="declares 2.,... bytes, more than 4,096, which a file of its size may")


def test_maps_for_other_images_than_the_scores_are_refused(written):
    result = small_result(images=["x", "y"])
    other = written / "other"
    other.mkdir()
    write_category_files(other, result)
    (other / "maps.parquet").replace(written / "maps.parquet")
    refused(written, match=r"maps\.parquet: the maps of branch 'semantic' are of other images")


GOOD = {"level": "image", "branch": "semantic", "metric": "auroc", "value": 0.5, "provenance": "reported"}
BROKEN_METRICS = {
    "over one": {"value": 1.0000001}, "below zero": {"value": -0.1}, "percent": {"value": 90.83}, "text": {"value": "0.5"},
    "true": {"value": True}, "list": {"value": [0.5]}, "endless": {"value": 10**400}, "no value, no note": {"value": None},
    "no value, empty note": {"value": None, "note": ""}, "level": {"level": "region"}, "level list": {"level": ["image"]},
    "provenance": {"provenance": "guessed"}, "provenance list": {"provenance": ["exact"]}, "no provenance": {"provenance": None},
    "empty branch": {"branch": ""}, "no branch": {"branch": None}, "branch list": {"branch": ["a"]}, "metric": {"metric": 5},
    "half character": {"branch": "\ud800"}, "note": {"note": 5}, "half a note": {"note": "\ud800"},
    "precision text": {"precision": "x"}, "precision null": {"precision": None}, "precision": {"precision": -0.1},
    "half an image": {"n_pos": 2.5}, "too many": {"n_pos": 2**70}, "endless count": {"n_neg": 10**400},
    "less than none": {"n_pos": -1}, "true count": {"n_pos": True}, "interval": {"ci_low": -5}, "interval text": {"ci_high": "1"},
    "exact without scores": {"branch": "gate", "provenance": "exact"},
    "exact without maps": {"branch": "gate", "provenance": "exact", "level": "pixel"},
}  # fmt: skip


@pytest.mark.parametrize("changes", BROKEN_METRICS.values(), ids=BROKEN_METRICS)
def test_a_metric_that_cannot_be_trusted_is_refused(written, changes):
    (written / "maps.parquet").unlink()
    (written / "metrics.json").write_text(json.dumps([GOOD | changes]))
    refused(written, match=r"metrics\.json")


@pytest.mark.parametrize(
    "content", ["{}", "null", "5", '"x"', "[5]", "[null]", "[[]]", "[{}]", '[{"value": NaN}]', "[", ""]
)
def test_metrics_that_are_no_list_of_metrics_are_refused(written, content):
    (written / "metrics.json").write_text(content)
    refused(written, match=r"metrics\.json")


def test_a_category_without_its_numbers_is_refused(written):
    (written / "metrics.json").unlink()
    refused(written, match=r"metrics\.json: cannot be read")


def test_the_same_number_twice_is_refused_and_of_two_provenances_taken(written):
    (written / "metrics.json").write_text(json.dumps([GOOD, GOOD | {"value": 0.6}]))
    refused(written, match="the same number stands there twice")
    (written / "metrics.json").write_text(json.dumps([GOOD, GOOD | {"provenance": "exact", "surprise": 1}]))
    assert [metric.provenance for metric in read_back(written).metrics] == ["reported", "exact"]


@pytest.mark.parametrize(
    ("level", "missing"), [("image", "images.parquet"), ("pixel", "maps.parquet"), ("pixel", "masks.parquet")]
)
def test_exact_is_believed_only_beside_the_scores_and_the_ground_truth(written, level, missing):
    (written / "metrics.json").write_text(json.dumps([GOOD | {"provenance": "exact", "level": level}]))
    assert read_back(written).metrics[0].provenance == "exact"
    for name in (missing, "maps.parquet", "masks.parquet") if level == "image" else (missing,):
        (written / name).unlink()
    assert "claims to be exact" in refused(written, match=r"metrics\.json: semantic auroc")


def test_exact_is_not_believed_without_labels():
    with TemporaryDirectory() as folder:
        metrics = [Metric("image", "semantic", "auroc", 0.5, "exact")]
        write_category_files(Path(folder), small_result(labels=None, masks=None, metrics=metrics))
        refused(folder, match="claims to be exact")


SECONDS = ["[]", "-1", '"1"', "null", "true", "NaN", "1" + "0" * 400]


@pytest.mark.parametrize(
    "content", ["[]", "{}", "5", '{"seconds": 1}', *(f'{{"seconds": {{"a": {a}}}}}' for a in SECONDS)]
)
def test_timings_that_are_no_seconds_are_refused(written, content):
    (written / "timings.json").write_text(content)
    refused(written, match=r"timings\.json")


REFUSED_AT_WRITING = {
    "images of one name": ({"images": ["a", "a"]}, "two images are called 'a'"),
    "labels of two": ({"labels": np.array([0, 2], np.int8)}, "labels must be 0"),
    "a normal image with a mask": ({"labels": np.array([0, 0], np.int8)}, "'crack/0.png' is labelled normal"),
    "too few labels": ({"labels": np.array([1], np.int8)}, "2 images, but 1 labels"),
    "too many scores": ({"scores": {"semantic": np.zeros(3)}}, "2 images, but 3 scores of branch 'semantic'"),
    "too few maps": ({"maps": {"memory": np.zeros((1, 2, 2), np.float32)}}, "2 images, but 1 maps of branch 'memory'"),
    "too few masks": ({"masks": np.zeros((1, 4, 4), bool)}, "2 images, but 1 masks"),
    "too few defect types": ({"defect_types": ["good"]}, "2 images, but 1 defect types"),
    "no images": ({"images": []}, "has scores but no images"),
}


@pytest.mark.parametrize(("changes", "reason"), REFUSED_AT_WRITING.values(), ids=REFUSED_AT_WRITING)
def test_what_does_not_belong_together_is_never_written(tmp_path, changes, reason):
    with pytest.raises(InputError, match=f"category 'carpet'.*{reason}"):
        write_category_files(tmp_path, small_result(**changes))
    assert list(tmp_path.iterdir()) == []
