"""Scores without names get their ground truth only by an order of images that reproduces a reported AUROC."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from promptad_db import ingest, open_db, run_folder
from promptad_db.ingestion.readers import ImportOptions
from promptad_db.metrics import render
from promptad_db.records import Render

DEFECTS = {"color": 1, "good": 1, "hole": 1}
SOME = {"color": 2, "good": 2, "hole": 1}
MANY = {"color": 7, "good": 8, "hole": 5}
FUSED = {"max": np.maximum, "harmonic": lambda semantic, memory: 1 / (1 / semantic + 1 / memory)}
ORDERS = {
    "by name": ("color", "good", "hole"),
    "good first": ("good", "color", "hole"),
    "good last": ("color", "hole", "good"),
    "backwards": ("hole", "good", "color"),
}


def make_data(root, defects):
    """A dataset of one category in MVTec AD layout, 40 x 50 pixels."""
    random = np.random.default_rng(3)
    for defect, index in named(defects, defects):
        image = root / "mvtec" / "carpet" / "test" / defect / f"{index:03d}.png"
        mask = root / "mvtec" / "carpet" / "ground_truth" / defect / f"{index:03d}_mask.png"
        pixels = np.zeros((40, 50), np.uint8)
        top, left = random.integers(0, 25, 2)
        pixels[top : top + 14, left : left + 16] = 255
        for path in (image, mask) if defect != "good" else (image,):
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return root


@pytest.fixture
def data_root(tmp_path):
    """A dataset with a category of three test images."""
    return make_data(tmp_path / "data", DEFECTS)


def named(order, defects=DEFECTS):
    return [(defect, index) for defect in order for index in range(defects[defect])]


def masks_of(data_root, order, size):
    """The ground truth at a rendered size, read without the package."""
    masks = []
    for defect, index in named(order):
        path = data_root / "mvtec" / "carpet" / "ground_truth" / defect / f"{index:03d}_mask.png"
        if defect == "good":
            masks.append(np.zeros((size, size), bool))
        else:
            with Image.open(path) as image:
                masks.append(np.asarray(image.resize((size, size), Image.Resampling.NEAREST)) > 0)
    return np.stack(masks)


def maps_of(data_root, order):
    """Maps of both branches that see some of the defects, in the order of the images."""
    random = np.random.default_rng(4)
    coarse = masks_of(data_root, order, 15)
    return {
        branch: (random.random(coarse.shape) + strength * coarse).astype(np.float16).astype(np.float64)
        for branch, strength in (("semantic", 0.2), ("memory", 0.5))
    }


def pixel_aurocs(maps, masks, size):
    """The AUROC of each branch and fusion by scikit-learn, as the source reports it."""
    grids = {branch: values.astype(np.float32) for branch, values in maps.items()}
    grids |= {rule: fuse(grids["semantic"], grids["memory"]) for rule, fuse in FUSED.items()}
    return {
        branch: roc_auc_score(masks.ravel(), render(grid, size, size, gaussian_sigma=4.0).ravel())
        for branch, grid in grids.items()
    }


def image_aurocs(scores, labels):
    every = scores | {rule: fuse(scores["semantic"], scores["memory"]) for rule, fuse in FUSED.items()}
    return {branch: roc_auc_score(labels, values) for branch, values in every.items()}


def write_gate(root, task, scores, aurocs, category="carpet"):
    """The files of a fork: its results and the scores of every image; returns the path of the scores."""
    short = {"cls": "i_roc", "seg": "p_roc"}[task]
    results = root / "mvtec" / "k_1" / "gate_results" / f"{category}_seed111_{task}.json"
    metadata = root / "mvtec" / "k_1" / "metadata" / task / f"{category}_seed111_max.json"
    for path, content in (
        (results, {mode: {short: value * 100} for mode, value in aurocs.items()}),
        (metadata, {f"{branch}_scores": values.tolist() for branch, values in scores.items()}),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return metadata


def taken(root, data_root):
    outcome = ingest(root, db="p.duckdb", options=ImportOptions(data_root=data_root))
    return outcome, run_folder.find_runs(Path("runs"))[0]


def values(provenance):
    """The AUROCs of one provenance that the database holds."""
    sql = "SELECT level, branch, value FROM metrics WHERE metric = 'auroc' AND provenance = :provenance"
    return {
        (level, branch): value for level, branch, value in open_db("p.duckdb").query(sql, provenance=provenance).rows
    }


@pytest.mark.parametrize(("order", "size"), [("good first", 400), ("by name", 240)])
def test_maps_whose_order_reproduces_the_reported_numbers_get_exact_ones(tmp_path, data_root, order, size):
    maps, masks = maps_of(data_root, ORDERS[order]), masks_of(data_root, ORDERS[order], size)
    aurocs = pixel_aurocs(maps, masks, size)
    write_gate(tmp_path / "fork", "seg", maps, {"max": aurocs["max"], "semantic": aurocs["semantic"]})
    outcome, folder = taken(tmp_path / "fork", data_root)
    assert outcome.rejected == []
    exact = {branch: value for (level, branch), value in values("exact").items() if level == "pixel"}
    assert set(exact) == {"semantic", "memory", "max", "harmonic"}
    for branch, value in exact.items():
        assert abs(value - aurocs[branch]) <= 1e-12
    assert run_folder.read_run(folder).render == Render(size, size, "bilinear", 4.0)
    stored = run_folder.read_category(folder, "carpet")
    assert stored.images == [f"{defect}/{index:03d}.png" for defect, index in named(ORDERS[order])]
    assert stored.defect_types == [defect for defect, _ in named(ORDERS[order])]
    assert stored.labels.tolist() == [int(defect != "good") for defect, _ in named(ORDERS[order])]
    assert np.array_equal(stored.masks, masks)


@pytest.mark.parametrize("order", ORDERS)
def test_image_scores_get_labels_from_the_data_set(tmp_path, order):
    images = named(ORDERS[order], MANY)
    labels = np.array([int(defect != "good") for defect, _ in images])
    random = np.random.default_rng(6)
    scores = {branch: random.random(20) + 0.2 * labels for branch in ("semantic", "memory")}
    aurocs = image_aurocs(scores, labels)
    write_gate(tmp_path / "fork", "cls", scores, aurocs)
    outcome, folder = taken(tmp_path / "fork", make_data(tmp_path / "data", MANY))
    assert outcome.rejected == []
    assert values("exact") == {("image", branch): pytest.approx(value, abs=1e-12) for branch, value in aurocs.items()}
    assert values("approx") == {}
    assert run_folder.read_category(folder, "carpet").images == [
        f"{defect}/{index:03d}.png" for defect, index in images
    ]
    assert run_folder.read_category(folder, "carpet").labels.tolist() == labels.tolist()
    assert run_folder.read_run(folder).render is None


def test_maps_tell_of_lossy_masks(tmp_path):
    root = make_data(tmp_path / "data", DEFECTS)
    maps = maps_of(root, ORDERS["by name"])
    aurocs = pixel_aurocs(maps, masks_of(root, ORDERS["by name"], 240), 240)
    for mask in root.rglob("*_mask.png"):
        Image.open(mask).point(lambda grey: 251 if grey else 3).save(mask)
    write_gate(tmp_path / "fork", "seg", maps, aurocs)
    _, folder = taken(tmp_path / "fork", root)
    stored = run_folder.read_category(folder, "carpet")
    assert stored.thresholded.tolist() == [True, False, True]
    notes = {
        one.note for one in stored.metrics if (one.level, one.provenance, one.branch) == ("pixel", "exact", "memory")
    }
    assert notes == {"2 masks hold greys, read as anomalous above half grey"}


def test_image_scores_need_no_masks(tmp_path):
    labels = np.array([int(defect != "good") for defect, _ in named(ORDERS["by name"], MANY)])
    scores = {branch: np.random.default_rng(6).random(20) + 0.2 * labels for branch in ("semantic", "memory")}
    root = make_data(tmp_path / "data", MANY)
    shutil.rmtree(root / "mvtec/carpet/ground_truth")
    write_gate(tmp_path / "fork", "cls", scores, image_aurocs(scores, labels))
    outcome, folder = taken(tmp_path / "fork", root)
    assert outcome.rejected == []
    assert run_folder.read_category(folder, "carpet").labels.tolist() == labels.tolist()


def test_an_order_that_hits_one_number_by_chance_yields_to_the_one_that_hits_them_all(tmp_path):
    labels = np.array([int(defect != "good") for defect, _ in named(ORDERS["good first"], SOME)])
    scores = {"semantic": np.array([0.1, 0.4, 0.3, 0.5, 0.6]), "memory": np.array([0.5, 0.2, 0.4, 0.3, 0.7])}
    aurocs = image_aurocs(scores, labels)
    by_name = np.array([int(defect != "good") for defect, _ in named(ORDERS["by name"], SOME)])
    by_chance = image_aurocs(scores, by_name)
    assert any(by_chance[branch] == aurocs[branch] for branch in aurocs)
    write_gate(tmp_path / "fork", "cls", scores, aurocs)
    _, folder = taken(tmp_path / "fork", make_data(tmp_path / "data", SOME))
    assert values("exact") == {("image", branch): pytest.approx(value, abs=1e-12) for branch, value in aurocs.items()}
    assert run_folder.read_category(folder, "carpet").labels.tolist() == labels.tolist()


@pytest.mark.parametrize("task", ["cls", "seg"])
def test_when_no_order_reproduces_a_number_the_file_is_rejected_and_the_numbers_stay_reported(
    tmp_path, data_root, task
):
    random = np.random.default_rng(5)
    scores = {branch: random.random((3, 15, 15) if task == "seg" else 3) for branch in ("semantic", "memory")}
    aurocs = {"semantic": 0.12345, "memory": 0.23456, "max": 0.01234}
    metadata = write_gate(tmp_path / "fork", task, scores, aurocs)
    outcome, folder = taken(tmp_path / "fork", data_root)
    ((path, reason),) = outcome.rejected
    assert path == metadata
    assert "carpet: none of" in reason
    assert "reproduces a reported AUROC" in reason
    assert values("exact") == {}
    reported = {branch: value for (_, branch), value in values("reported").items()}
    assert reported == {branch: pytest.approx(value, abs=1e-12) for branch, value in aurocs.items()}
    assert run_folder.read_run(folder).render is None


def test_scores_that_nobody_reported_a_number_for_are_named_and_kept_without_labels(tmp_path, data_root):
    metadata = write_gate(tmp_path / "fork", "cls", {"semantic": np.arange(3.0), "memory": np.arange(3.0)}, {})
    (metadata.parents[2] / "gate_results" / "carpet_seed111_cls.json").unlink()
    outcome = ingest(tmp_path / "fork", db="p.duckdb", options=ImportOptions(data_root=data_root))
    assert [path for path, _ in outcome.rejected] == [metadata]
    assert len(outcome.added) == 1
    assert values("exact") == {}
    folder = run_folder.find_runs(Path("runs"))[0]
    assert run_folder.read_category(folder, "carpet").labels is None


@pytest.mark.parametrize("count", [2, 4])
def test_another_number_of_images_than_the_data_set_has_is_rejected_with_both(tmp_path, data_root, count):
    metadata = write_gate(
        tmp_path / "fork", "seg", dict.fromkeys(("semantic", "memory"), np.ones((count, 15, 15))), {"max": 0.9}
    )
    outcome, _ = taken(tmp_path / "fork", data_root)
    ((path, reason),) = outcome.rejected
    assert path == metadata
    assert f"carpet: {count} scores, but 3 test images" in reason
    assert values("exact") == {}
    assert values("reported") == {("pixel", "max"): pytest.approx(0.9)}


def test_a_missing_mask_and_a_wrong_data_root_are_named_and_the_numbers_stay_reported(tmp_path, data_root):
    metadata = write_gate(
        tmp_path / "fork", "seg", dict.fromkeys(("semantic", "memory"), np.ones((3, 15, 15))), {"max": 0.9}
    )
    (tmp_path / "empty").mkdir()
    outcome, _ = taken(tmp_path / "fork", tmp_path / "empty")
    ((path, reason),) = outcome.rejected
    assert path == metadata
    assert str(tmp_path / "empty" / "mvtec" / "carpet" / "test") in reason
    (data_root / "mvtec" / "carpet" / "ground_truth" / "hole" / "000_mask.png").unlink()
    outcome, _ = taken(tmp_path / "fork", data_root)
    ((_, reason),) = outcome.rejected
    assert "000.png: has no mask" in reason
    assert values("reported") == {("pixel", "max"): pytest.approx(0.9)}
    assert values("exact") == {}


def test_without_a_data_root_maps_stay_without_ground_truth(tmp_path, data_root):
    maps = maps_of(data_root, ORDERS["by name"])
    write_gate(tmp_path / "fork", "seg", maps, {"max": 0.9})
    outcome, folder = taken(tmp_path / "fork", None)
    assert outcome.rejected == []
    assert values("exact") == {}
    means = {branch: maps[branch].astype(np.float32).mean(dtype=np.float64) for branch in maps}
    assert values("approx") == {
        ("pixel", branch): pytest.approx(0.9 * mean / max(means.values()), abs=1e-12) for branch, mean in means.items()
    }
    stored = run_folder.read_category(folder, "carpet")
    assert stored.labels is None
    assert stored.masks is None
    assert np.array_equal(stored.maps["memory"], maps["memory"].astype(np.float32))


def test_ground_truth_found_twice_changes_nothing(tmp_path, data_root):
    maps, masks = maps_of(data_root, ORDERS["by name"]), masks_of(data_root, ORDERS["by name"], 240)
    write_gate(tmp_path / "fork", "seg", maps, pixel_aurocs(maps, masks, 240))
    _, folder = taken(tmp_path / "fork", data_root)
    before = run_folder.category_fingerprint(folder, "carpet")
    outcome, _ = taken(tmp_path / "fork", data_root)
    assert (outcome.added, outcome.extended, outcome.rejected) == ([], [], [])
    assert len(outcome.unchanged) == 1
    assert run_folder.category_fingerprint(folder, "carpet") == before
