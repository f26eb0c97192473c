"""Anomaly maps in the MVTec layout: scored as they are, and a category with any map amiss is left out by name."""

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from promptad_db import fuse, ingest, open_db, run_folder
from promptad_db.errors import UsageError
from promptad_db.ingestion.readers import ImportOptions, mvtec_maps
from promptad_db.ingestion.readers.imported import ImportedRun
from promptad_db.records import Render

tifffile = pytest.importorskip("tifffile")

IMAGES = ("crack/000", "crack/001", "good/000", "good/001", "hole/000")
BRANCHES = ("semantic", "memory")


def data_set(*categories, size=(12, 16), images=IMAGES):
    """A dataset with one square defect an anomalous image; returns its root."""
    random = np.random.default_rng(1)
    for category in categories or ("bottle",):
        for name in images:
            defect, number = name.split("/")
            picture = Path("mvtec", category, "test", defect, f"{number}.png")
            picture.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size[::-1]).save(picture)
            if defect != "good":
                mask = np.zeros(size, dtype=np.uint8)
                top, left = random.integers(0, 6, 2)
                mask[top : top + 4, left : left + 5] = 255
                path = Path("mvtec", category, "ground_truth", defect, f"{number}_mask.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(mask).save(path)
    return Path("mvtec")


def map_path(branch, category="bottle", image="crack/000", suffix=".tiff"):
    path = Path(branch, category, "test", f"{image}{suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def maps(*categories, size=(12, 16), branches=BRANCHES, dtype="float32", images=IMAGES):
    """Random maps for every branch; returns them by branch, stacked, for the last category."""
    random = np.random.default_rng(2)
    stacked = {}
    for category in categories or ("bottle",):
        for branch in branches:
            stacked[branch] = random.random((len(images), *size)).astype(dtype)
            for image, pixels in zip(images, stacked[branch], strict=True):
                tifffile.imwrite(map_path(branch, category, image), pixels)
    return stacked


def options(branches=BRANCHES, **given):
    folders = {branch: Path(branch) for branch in branches}
    return ImportOptions(branches=folders, **({"data_root": Path("mvtec"), "k_shot": 1} | given))


def read(**given):
    rejected = []
    runs = list(mvtec_maps.read([], options(**given), lambda path, reason: rejected.append((str(path), reason))))
    return runs, rejected


def only_run(**given) -> ImportedRun:
    [run], rejected = read(**given)
    assert rejected == []
    return run


def only_rejection(**given):
    runs, [rejection] = read(**given)
    assert runs == []
    return rejection


def aurocs(run, level, category="bottle"):
    metrics = run.categories[category].metrics
    return {m.branch: m.value for m in metrics if (m.level, m.metric) == (level, "auroc")}


def true_masks(category="bottle"):
    masks = []
    for image in IMAGES:
        path = Path("mvtec", category, "ground_truth", f"{image}_mask.png")
        masks.append(np.asarray(Image.open(path)) > 0 if path.exists() else np.zeros((12, 16), dtype=bool))
    return np.stack(masks)


def test_maps_get_the_pixel_and_image_aurocs_that_scikit_learn_gives():
    data_set()
    stacked = maps()
    run = only_run()
    masks, labels = true_masks(), [1, 1, 0, 0, 1]
    stacked["max"] = np.maximum(*stacked.values())
    stacked["harmonic"] = 1 / (1 / stacked["semantic"] + 1 / stacked["memory"])
    expected = {branch: pytest.approx(roc_auc_score(masks.ravel(), m.ravel())) for branch, m in stacked.items()}
    assert aurocs(run, "pixel") == expected
    for branch in BRANCHES:
        assert aurocs(run, "image")[branch] == pytest.approx(roc_auc_score(labels, stacked[branch].max(axis=(1, 2))))
    assert {metric.provenance for metric in run.categories["bottle"].metrics} == {"exact"}


def test_everything_read_is_in_the_run():
    data_set()
    stacked = maps()
    run = only_run(seed=3)
    result = run.categories["bottle"]
    assert result.images == [f"{image}.png" for image in IMAGES]
    assert result.defect_types == ["crack", "crack", "good", "good", "hole"]
    assert result.labels.tolist() == [1, 1, 0, 0, 1]
    np.testing.assert_array_equal(result.masks, true_masks())
    for branch in BRANCHES:
        np.testing.assert_array_equal(result.maps[branch], stacked[branch])
        assert result.maps[branch].dtype == np.float32
    assert (run.kind, run.experiment, run.method, run.task) == ("mvtec-maps", "mvtec-maps", "unknown", "seg")
    assert (run.dataset, run.k_shot, run.seed, run.render) == ("mvtec", 1, 3, Render(12, 16, "none", 0.0))
    assert run.files == {map_path(branch, image=image) for branch in BRANCHES for image in IMAGES}


def test_options_name_the_run():
    data_set()
    maps()
    run = only_run(experiment="e", method="m", dataset="d", task="cls", k_shot=4)
    assert (run.experiment, run.method, run.dataset, run.task, run.k_shot) == ("e", "m", "d", "cls", 4)


def test_the_data_set_may_stand_below_the_data_root():
    data_set()
    maps()
    assert only_run(data_root=Path(), dataset="mvtec").dataset == "mvtec"


def test_a_missing_option_is_wrong_usage_that_names_the_flag():
    data_set()
    maps()
    for given, flag in (
        ({"data_root": None}, "--data-root"),
        ({"k_shot": None}, "--k-shot"),
        ({"data_root": Path("/")}, "--dataset"),
        ({"branches": ["nowhere"]}, "--branch"),
    ):
        with pytest.raises(UsageError, match=flag):
            read(**given)


def test_without_tifffile_the_message_says_what_to_install(monkeypatch):
    data_set()
    maps()
    mvtec_maps._tifffile.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "tifffile", None)
    with pytest.raises(UsageError, match=r"pip install 'promptad-db\[images\]'"):
        read()


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_floats_of_any_width_are_read_and_so_are_compressed_and_tif_files(dtype):
    data_set()
    stacked = maps(dtype=dtype)
    for index, image in enumerate(IMAGES):
        map_path("memory", image=image).unlink()
        compressed = map_path("memory", image=image, suffix=".tif")
        tifffile.imwrite(compressed, stacked["memory"][index], compression="zlib")
    result = only_run().categories["bottle"]
    np.testing.assert_array_equal(result.maps["memory"], stacked["memory"].astype(np.float32))


def test_numpy_files_are_maps_too_and_damaged_ones_are_named():
    data_set()
    stacked = maps()
    for index, image in enumerate(IMAGES):
        map_path("memory", image=image).unlink()
        np.save(map_path("memory", image=image, suffix=".npy"), stacked["memory"][index].astype(">f8"))
    run = only_run()
    np.testing.assert_array_equal(run.categories["bottle"].maps["memory"], stacked["memory"])
    assert map_path("memory", suffix=".npy") in run.files
    path = map_path("memory", suffix=".npy")
    pixels = stacked["memory"][0]
    for bad, reason in (
        (pixels[:6], "it is 6 x 16"),
        (pixels[None], "shape [1, 12, 16]"),
        (pixels.astype(complex), "it holds complex128"),
        (pixels.astype(int), "it holds int64"),
        (pixels.astype(np.longdouble), "at most float64"),
        (np.where(pixels > 0.5, np.nan, pixels), "NaN"),
        (pixels.astype(object), "not a readable NumPy file"),
    ):
        np.save(path, bad, allow_pickle=True)
        assert only_rejection() == (str(path), only_rejection()[1])
        assert reason in only_rejection()[1]
    for size in (0, 5, 100, 500):
        np.save(path, pixels)
        path.write_bytes(path.read_bytes()[:size])
        assert only_rejection()[0] == str(path)


def test_doubles_that_float32_would_merge_stay_doubles():
    data_set()
    stacked = maps(dtype="float64")
    close = 1 - stacked["memory"] * 1e-8
    for index, image in enumerate(IMAGES):
        tifffile.imwrite(map_path("memory", image=image), close[index])
    assert ingest(db="p.duckdb", runs="r", options=options()).rejected == []
    (folder,) = Path("r").iterdir()
    result = run_folder.read_category(folder, "bottle")
    np.testing.assert_array_equal(result.maps["memory"], close)
    assert result.maps["semantic"].dtype == np.float32
    found = {(m.level, m.branch): m.value for m in result.metrics if m.metric == "auroc"}
    assert found["pixel", "memory"] == pytest.approx(roc_auc_score(true_masks().ravel(), close.ravel()), abs=1e-12)
    assert found["image", "memory"] == pytest.approx(roc_auc_score([1, 1, 0, 0, 1], close.max(axis=(1, 2))), abs=1e-12)


def test_constant_maps_rank_nothing_and_say_so():
    data_set()
    maps()
    for image in IMAGES:
        tifffile.imwrite(map_path("memory", image=image), np.full((12, 16), 0.1, "float32"))
    metrics = [m for m in only_run().categories["bottle"].metrics if m.branch == "memory"]
    assert {m.value for m in metrics if m.metric == "auroc"} == {0.5}
    assert all("all scores are equal" in m.note for m in metrics)


def test_maps_of_no_image_are_counted_and_left_out(cli):
    data_set("bottle", "cable")
    maps("bottle", "cable")
    for branch, image in (("semantic", "crack/009"), ("memory", "crack/009"), ("memory", "scratch/000")):
        tifffile.imwrite(map_path(branch, "cable", image), np.zeros((3, 3), "float32"))
    outcome = ingest(db="p.duckdb", runs="r", options=options())
    assert (outcome.cells, outcome.rejected) == (2, [])
    assert outcome.notes[:2] == [
        "cable: 1 maps of semantic, such as crack/009.tiff, are of no test image in mvtec/cable/test, and are left out",
        "cable: 2 maps of memory, such as crack/009.tiff, are of no test image in mvtec/cable/test, and are left out",
    ]
    named = [f"--branch={branch}={branch}" for branch in BRANCHES]
    answer = cli("ingest", *named, "--data-root", "mvtec", "--k-shot", 1, "--runs", "r", "--db", "p.duckdb")
    assert f"note: {outcome.notes[0]}\n" in answer.err


def test_categories_without_maps_are_counted():
    data_set("bottle", "cable", "wood", "tile", "grid")
    maps("bottle")
    assert only_run().notes == ["4 categories in mvtec have no maps that were taken: cable, grid, tile, ..."]


def test_maps_that_are_missing_are_counted():
    data_set()
    maps()
    for image in ("crack/001", "good/000", "hole/000"):
        map_path("memory", image=image).unlink()
    path, reason = only_rejection()
    assert path == str(map_path("memory", image="crack/001"))
    assert "this map is missing, and so are 2 more of 5; add it, or take its test image out" in reason


def test_without_masks_images_are_scored_where_that_is_the_task():
    data_set()
    stacked = maps(size=(6, 8))
    masks = Path("mvtec/bottle/ground_truth")
    (masks / "hole/000_mask.png").unlink()
    assert "--task cls needs no masks" in only_rejection()[1]
    run = only_run(task="cls")
    assert run.notes == [
        "bottle: 1 of 3 anomalous images have no mask, such as hole/000.png; its images are scored, not its pixels"
    ]
    assert (run.render, run.categories["bottle"].masks) == (None, None)
    assert aurocs(run, "pixel") == {}
    for branch in BRANCHES:
        assert aurocs(run, "image")[branch] == roc_auc_score([1, 1, 0, 0, 1], stacked[branch].max(axis=(1, 2)))
    shutil.rmtree(masks)
    assert ingest(db="p.duckdb", runs="r", options=options(task="cls")).cells == 1
    rows = open_db("p.duckdb").query("select task, semantic, memory from branch_gap").rows
    assert rows == [("cls", aurocs(run, "image")["semantic"], aurocs(run, "image")["memory"])]


def test_lossy_masks_are_read_above_half_grey_and_the_numbers_say_so():
    data_set()
    maps()
    expected = aurocs(only_run(), "pixel")
    for mask in Path("mvtec").rglob("*_mask.png"):
        grey = np.where(np.asarray(Image.open(mask)), 252, 2).astype(np.uint8)
        grey[:2][grey[:2] == 2] = 9  # ringing
        Image.fromarray(grey).save(mask)
    run = only_run()
    assert aurocs(run, "pixel") == expected
    for metric in run.categories["bottle"].metrics:
        assert ("3 masks hold greys, read as anomalous above half grey" in (metric.note or "")) is (
            metric.level == "pixel"
        )
    ingest(db="p.duckdb", runs="r", options=options())
    (folder,) = Path("r").iterdir()
    fuse(folder, "mean", db="p.duckdb")
    notes = [
        m.note for m in run_folder.read_category(folder, "bottle").metrics if (m.branch, m.level) == ("mean", "pixel")
    ]
    assert notes
    assert all("3 masks hold greys" in note for note in notes)


@pytest.mark.parametrize(("name", "reason"), [("white", "white stood for normal"), ("black", "is empty")])
def test_a_mask_that_cannot_be_meant_costs_the_category(name, reason):
    data_set()
    maps()
    mask = Path("mvtec/bottle/ground_truth/hole/000_mask.png")
    pixels = np.asarray(Image.open(mask))
    Image.fromarray(255 - pixels if name == "white" else pixels * 0).save(mask)
    assert only_rejection()[0] == str(mask)
    assert reason in only_rejection()[1]


def test_normal_images_that_do_not_lie_in_good_cost_the_category():
    data_set()
    maps()
    Path("mvtec/bottle/test/good").rename("mvtec/bottle/test/ok")
    assert "normal images must lie in train/good and test/good (found test/ok)" in only_rejection()[1]


def test_categories_of_different_sizes_are_scored_and_the_run_has_no_one_size():
    data_set("bottle")
    maps("bottle")
    data_set("cable", size=(20, 10))
    maps("cable", size=(20, 10))
    run = only_run()
    assert run.render is None
    assert len(aurocs(run, "pixel", "bottle")) == len(aurocs(run, "pixel", "cable")) == 4


def test_a_category_that_some_branch_lacks_is_left_out_by_name():
    data_set("bottle", "cable")
    maps("bottle")
    maps("cable", branches=["memory"])
    [run], [(path, reason)] = read()
    assert list(run.categories) == ["bottle"]
    assert (path, reason) == ("semantic/cable", "cable is left out: branch semantic has no maps of it")


def test_a_branch_without_any_map_says_so():
    data_set()
    maps(branches=["memory"])
    Path("semantic").mkdir()
    path, reason = only_rejection()
    assert path == "semantic"
    assert "no <category>/test/<defect>/<id>.tiff" in reason


def test_maps_of_a_category_that_the_data_set_lacks_are_left_out():
    data_set()
    maps("bottle", "moon")
    [run], [(path, reason)] = read()
    assert list(run.categories) == ["bottle"]
    assert path == "semantic/moon"
    assert "no test images of moon" in reason


def damaged(damage, category="cable", branch="memory", image="good/001"):
    """Two good categories, one file of which is then damaged; returns the rejection's path and reason."""
    data_set("bottle", "cable")
    maps("bottle", "cable")
    path = map_path(branch, category, image)
    damage(path)
    [run], [rejection] = read()
    assert list(run.categories) == ["bottle"]
    assert rejection[0] == str(path)
    assert rejection[1].startswith("cable is left out: ")
    return rejection[1]


def test_a_missing_map_costs_its_category_and_is_named():
    assert "this map is missing" in damaged(Path.unlink)


def test_a_map_of_another_size_costs_its_category_and_both_sizes_are_named():
    reason = damaged(lambda path: tifffile.imwrite(path, np.zeros((6, 8), "float32")))
    assert "it is 6 x 8, but mvtec/cable/ground_truth/crack/000_mask.png is 12 x 16" in reason


def test_maps_smaller_than_the_masks_are_not_resized():
    data_set()
    maps(size=(6, 8))
    path, reason = only_rejection()
    assert path == "semantic/bottle/test/crack/000.tiff"
    assert "it is 6 x 8" in reason
    assert "log them with start_run(render=(12, 16)), which renders them" in reason
    assert "is 12 x 16" in reason


def test_masks_of_two_sizes_cost_the_category():
    data_set()
    maps()
    mask = Path("mvtec/bottle/ground_truth/hole/000_mask.png")
    Image.new("L", (5, 5), 255).save(mask)
    path, reason = only_rejection()
    assert path == str(mask)
    assert "it is 5 x 5" in reason


def test_good_images_alone_take_their_size_from_the_maps_and_have_no_numbers():
    images = ["good/000", "good/001"]
    data_set(images=images)
    maps(images=images)
    run = only_run()
    assert run.render == Render(12, 16, "none", 0.0)
    assert not run.categories["bottle"].masks.any()
    metrics = run.categories["bottle"].metrics
    assert metrics
    assert all(metric.value is None and metric.note for metric in metrics)
    tifffile.imwrite(map_path("memory", image="good/001"), np.zeros((3, 4), "float32"))
    assert "it is 3 x 4, but semantic/bottle/test/good/000.tiff is 12 x 16" in only_rejection()[1]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_values_that_are_not_finite_in_single_precision_cost_the_category(bad):
    pixels = np.zeros((12, 16))
    pixels[3, 4] = bad
    assert "NaN or infinite" in damaged(lambda path: tifffile.imwrite(path, pixels))


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((12, 16), np.uint8), "it holds uint8, an anomaly map holds floats"),
        (np.zeros((12, 16), np.complex64), "it holds complex64"),
        (np.zeros((2, 12, 16), np.float32), "holds 2 images of shape [12, 16], wanted one [height, width]"),
    ],
)
def test_images_that_are_no_anomaly_maps_cost_the_category(pixels, reason):
    assert reason in damaged(lambda path: tifffile.imwrite(path, pixels))


def test_a_second_image_in_a_file_costs_the_category():
    def append(path):
        tifffile.imwrite(path, np.zeros((5, 5), "float32"), append=True)

    assert "it holds 2 images" in damaged(append)


@pytest.mark.parametrize("raw", [b"", b"no TIFF at all", b"II*\x00", bytes(range(256)) * 30])
def test_a_file_that_is_no_tiff_costs_the_category(raw):
    assert "not a readable TIFF" in damaged(lambda path: path.write_bytes(raw))


def test_a_tiff_that_declares_a_huge_image_is_refused_before_its_pixels_are_read(monkeypatch):
    data_set(images=["good/000"])
    maps(images=["good/000"])
    path = map_path("semantic", image="good/000")
    raw = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        for tag in ("ImageWidth", "ImageLength"):
            place = file.pages[0].tags[tag]
            raw[place.offset + 2 : place.offset + 12] = struct.pack("<HII", 4, 1, 100_000)
    path.write_bytes(raw.replace(b'{"shape": [12, 16]}', b" " * 19))
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *_args, **_given: pytest.fail("the pixels were read"))
    assert "it declares 100,000 x 100,000 pixels" in only_rejection()[1]


def test_a_compression_that_is_not_installed_names_what_to_install():
    def compress(path):
        Image.fromarray(np.zeros((12, 16), "float32")).save(path, compression="tiff_lzw")

    try:
        import imagecodecs  # noqa: F401
    except ImportError:
        assert "pip install 'promptad-db[images]'" in damaged(compress)
    else:
        pytest.skip("imagecodecs is installed, so nothing is missing")


def test_a_tiff_cut_anywhere_costs_the_category():
    data_set()
    maps()
    path = map_path("semantic", image="hole/000")
    whole = path.read_bytes()
    for end in range(0, len(whole), 37):
        path.write_bytes(whole[:end])
        assert only_rejection()[0] == str(path)


def test_no_damage_to_a_map_or_mask_is_a_traceback_or_noise(capfd):
    data_set()
    maps(branches=["memory"])
    random = np.random.default_rng(0)
    for path in (map_path("memory", image="hole/000"), Path("mvtec/bottle/ground_truth/hole/000_mask.png")):
        whole = path.read_bytes()
        for _ in range(60):
            raw = bytearray(whole)
            for place in random.integers(0, len(raw), 3):
                raw[place] = random.integers(256)
            path.write_bytes(raw)
            runs, rejected = read(branches=["memory"])
            assert bool(runs) != bool(rejected)
        path.write_bytes(whole)
    assert capfd.readouterr().err == ""


def test_a_broken_mask_costs_the_category_and_is_named():
    data_set()
    maps()
    mask = Path("mvtec/bottle/ground_truth/hole/000_mask.png")
    raw = mask.read_bytes()
    length = raw.index(b"IDAT") - 4
    mask.write_bytes(raw[:length] + struct.pack(">I", 12) + raw[length + 4 :])
    path, reason = only_rejection()
    assert path == str(mask)
    assert "not a readable image" in reason


def test_an_image_without_a_mask_costs_the_category():
    data_set()
    maps()
    Path("mvtec/bottle/ground_truth/hole/000_mask.png").unlink()
    assert "has no mask" in only_rejection()[1]


def test_two_images_that_share_a_map_cost_the_category():
    data_set()
    maps()
    Image.new("RGB", (16, 12)).save("mvtec/bottle/test/good/001.jpg")
    assert "two test images" in only_rejection()[1]


def test_maps_go_through_run_folders_into_the_database_once():
    data_set("bottle", "cable")
    maps("bottle", "cable")
    given = {"db": "p.duckdb", "runs": "r", "options": options()}
    first, second = ingest(**given), ingest(**given)
    assert (len(first.added), first.cells, first.rejected) == (1, 2, [])
    assert (len(second.unchanged), second.added, second.rejected) == (1, [], [])
    rows = open_db("p.duckdb").query("select category, gap, provenance from branch_gap order by category").rows
    assert [(category, provenance) for category, _, provenance in rows] == [("bottle", "exact"), ("cable", "exact")]


def test_no_single_file_is_of_this_layout():
    maps()
    assert not mvtec_maps.recognise(map_path("memory"))
