"""The check: numbers, names and images that are not what they are taken for; and the note on max in reports."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from checked_runs import found, log, scores, told
from measured_runs import Laboratory

from promptad_db import ingest, open_db, run_folder, start_run
from promptad_db.db.queries.reports import report
from promptad_db.db.queries.selection import Filters
from promptad_db.records import CategoryResult, Metric

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


@pytest.fixture
def case(tmp_path):
    """Copies a folder of the shared cases here; skips where they are absent."""

    def copy(name):
        if not CASES.is_dir():
            pytest.skip(f"the shared cases are not at {CASES}")
        return shutil.copytree(CASES / name, tmp_path / name)

    return copy


def categories_of(branch, *values, **others):
    """Categories with these AUROCs of a branch, and those of other branches."""
    return {f"category_{index}": {branch: value, **others} for index, value in enumerate(values)}


def summaries(name):
    """Severity, category and branch of each finding of a check."""
    return [(row["severity"], row["category"], row["branch"]) for row in told(name)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.44, 0.40, 0.50), [("error", None, "memory")]),
        ((0.48, 0.40, 0.48), []),
        ((0.48, 0.47, 0.56), []),
        ((0.30, 0.9, 0.9), [("warning", "category_0", "memory")]),
        ((0.45, 0.45), []),
        ((0.39, 0.2), [("error", None, "memory")]),
        ((0.39, 0.41), [("warning", "category_0", "memory")]),
        ((0.1,), [("error", None, "memory")]),
        ((0.41,), []),
        ((None, 0.9), []),
    ],
)
def test_a_branch_far_below_chance_is_inverted_as_a_cell_or_as_a_whole_run(values, expected):
    Laboratory().run(categories_of("memory", *values, semantic=0.9))
    ingest("runs")
    assert summaries("inverted-scores") == expected


def test_the_interval_says_what_is_below_chance_where_one_is_stored():
    def shifted(count, shift):
        return np.concatenate([np.linspace(0, 1, count), np.linspace(0, 1, count) - shift])

    log("few", branches={"memory": shifted(5, 0.3)}, normals=5, anomalous=5)
    log("many", branches={"memory": shifted(240, 0.08)}, normals=240, anomalous=240, k_shot=2)
    values = dict(open_db().query("SELECT category, value FROM metrics WHERE metric = 'auroc'").rows)
    assert values["few"] < 0.4 < values["many"] < 0.5
    (row,) = told("inverted-scores")
    assert (row["severity"], row["k_shot"], row["branch"]) == ("error", 2, "memory")
    assert row["what"] == f"the AUROC of memory is {100 * values['many']:.2f} %"
    assert "turn the sign" in row["advice"]


def test_scores_with_their_sign_turned_are_found_by_branch(cli, case):
    ingest(case("inverted") / "neg")
    assert {row["branch"] for row in told("inverted-scores")} >= {"memory"}
    assert all("turn the sign" in row["advice"] for row in told("inverted-scores"))
    answer = cli("check")
    assert answer.code == 1
    assert "inverted-scores" in answer.out


def test_an_estimate_without_ground_truth_is_not_called_inverted():
    folder = Laboratory().run({})
    run_folder.write_category(
        folder, CategoryResult("tile", metrics=[Metric("pixel", "memory", "auroc", 0.1, "approx")])
    )
    ingest("runs")
    assert told("inverted-scores") == []


def test_reported_aurocs_of_a_run_that_are_all_below_two_percent_are_fractions_taken_for_percents():
    lab = Laboratory()
    lab.run(categories_of("memory", 0.009825, 0.0099))
    lab.run(categories_of("memory", 0.009825, 0.99), k_shot=2)
    lab.run(categories_of("memory", 0.02, 0.99), k_shot=4)
    ingest("runs")
    whole, cell = told("wrong-units")
    assert (whole["severity"], whole["k_shot"], whole["category"]) == ("error", 1, None)
    assert whole["what"] == "all 2 reported AUROCs are below 2 %, the highest is 0.9900 %"
    assert (cell["severity"], cell["k_shot"], cell["category"]) == ("error", 2, "category_0")
    assert cell["what"] == "pixel auroc reported as 0.9825 %"
    assert {row["k_shot"] for row in told("inverted-scores")} == {4}


@pytest.mark.parametrize(("divisor", "count"), [(100, 1), (110, 0)])
def test_any_reported_number_a_hundredth_of_the_exact_one_is_in_the_wrong_unit(divisor, count):
    folder = log(branches={"memory": scores(gap=0.5)})
    result = run_folder.read_category(folder, "tile")
    exact = next(metric.value for metric in result.metrics if metric.metric == "ap")
    result.metrics.append(Metric("image", "memory", "ap", exact / divisor, "reported", 1e-4))
    twin = Laboratory().run({}, task="cls", experiment="default", k_shot=1)
    run_folder.write_category(twin, replace(result, images=[], scores={}, labels=None, metrics=result.metrics[-1:]))
    ingest("runs")
    rows = told("wrong-units")
    assert [(row["severity"], row["category"], row["branch"]) for row in rows] == [("error", "tile", "memory")] * count
    assert all(f"a hundredth of the recomputed {100 * exact:.4f} %" in row["what"] for row in rows)


def test_a_database_that_holds_fractions_taken_for_percents_is_found_whatever_ingest_says_today(case):
    lines = next(case("promptad-csv-fractions").rglob("*.csv")).read_text("utf-8").splitlines()
    (value,) = {float(word) for word in lines[1].split(",")[1:2]}
    Laboratory().run({"bottle": {"memory": value / 100}})
    ingest("runs")
    assert [row["severity"] for row in told("wrong-units")] == ["error"]


def test_names_that_differ_in_case_alone_are_named_with_their_runs(cli):
    lab = Laboratory()
    numbers = {"memory": 0.9, "semantic": 0.8}
    lab.run({"bottle": numbers, "Bottle": numbers, "tile": numbers})
    lab.run({"bottle": numbers}, k_shot=2)
    ingest("runs")
    (row,) = told("case-only-names")
    assert (row["severity"], row["dataset"]) == ("warning", "mvtec")
    assert row["what"] == "these categories differ in case alone: Bottle (1 runs), bottle (2 runs)"
    assert cli("check").code == 0


@pytest.mark.parametrize(
    ("fields", "branch", "words"),
    [
        ({"dataset": "MVTec"}, "memory", "these datasets differ in case alone: MVTec (1 runs), mvtec (1 runs)"),
        ({"method": "M"}, "memory", "these methods differ in case alone: M (1 runs), m (1 runs)"),
        (
            {"variant": "Baseline"},
            "memory",
            "these variants differ in case alone: Baseline (1 runs), baseline (1 runs)",
        ),
        ({"experiment": "E"}, "memory", "these experiments differ in case alone: E (1 runs), e (1 runs)"),
        ({}, "Memory", "these branches differ in case alone: Memory (1 runs), memory (2 runs)"),
        ({}, "Semantic", "these branches differ in case alone: Semantic (1 runs), semantic (reserved)"),
    ],
)
def test_every_kind_of_name_may_differ_in_case(fields, branch, words):
    lab = Laboratory()
    lab.run({"tile": {"memory": 0.9}}, k_shot=2)
    lab.run({"tile": {branch: 0.9}}, **fields)
    ingest("runs")
    assert [row["what"] for row in told("case-only-names")] == [words]


def test_names_of_other_experiments_are_compared_with_those_that_are_checked_but_not_with_each_other():
    lab = Laboratory()
    for experiment, category in (("old", "Tile"), ("older", "wood"), ("oldest", "Wood"), ("new", "tile")):
        lab.run({category: {"memory": 0.9}}, experiment=experiment)
    lab.run({"WOOD": {"memory": 0.9}}, experiment="new", dataset="visa")
    ingest("runs")
    rows = told("case-only-names", filters=Filters(experiments=("new",)))
    assert [row["what"] for row in rows] == ["these categories differ in case alone: Tile (1 runs), tile (1 runs)"]


@pytest.mark.parametrize(
    ("fields", "count"),
    [
        ({"seed": 222}, 1),
        ({"k_shot": 2}, 1),
        ({"method": "other"}, 1),
        ({"variant": "spatial_prompts"}, 1),
        ({"dataset": "copied"}, 1),
        ({}, 0),
        ({"experiment": "default", "seed": None}, 1),
    ],
)
def test_two_runs_of_different_settings_with_the_same_scores_are_told(fields, count):
    first = log()
    log("wood", seed=333)
    log(**fields)
    rows = told("identical-scores")
    assert [(row["severity"], row["category"]) for row in rows] == [("warning", "tile")] * count
    start = f"the scores of all 60 images (memory and semantic) are those of run {first.name}: method m, "
    assert all(row["what"].startswith(start) for row in rows)


def test_scores_that_differ_in_one_image_or_branch_are_not_identical():
    levels = np.arange(60) / 64
    swapped = levels.copy()
    swapped[[3, 7]] = swapped[[7, 3]]
    log(branches={"semantic": levels, "memory": levels / 2})
    log(branches={"semantic": swapped, "memory": levels / 2}, seed=1)
    log(branches={"semantic": levels, "memory": levels / 4}, seed=2)
    log(branches={"memory": levels / 2}, seed=3)
    assert told("identical-scores") == []


def test_the_same_run_in_another_experiment_is_no_mislabelled_one():
    log()
    log(experiment="again")
    assert told("identical-scores", filters=Filters(experiments=("default", "again"))) == []


def test_identical_maps_are_told_by_their_figures_and_constant_ones_are_not():
    maps = np.random.default_rng(0).random((6, 4, 4), dtype=np.float32)
    masks = np.zeros((6, 8, 8), dtype=bool)
    masks[3:, 2:4] = True
    for seed in (1, 2):
        with start_run(dataset="mvtec", task="seg", k_shot=1, seed=seed, method="m") as run:
            for category, values in (
                ("tile", maps),
                ("constant", np.zeros_like(maps)),
                ("own", maps + np.float32(seed)),
            ):
                images = [f"{index}.png" for index in range(6)]
                run.log_category(category, images=images, branches={"memory": values}, masks=masks)
    (row,) = told("identical-scores")
    assert (row["category"], row["task"], row["seed"]) == ("tile", "seg", 2)
    assert row["what"].startswith("the figures of the maps of all 6 images (memory) are those of run ")


def test_runs_of_one_cell_that_were_tested_on_different_images_say_how_many_they_share():
    log(normals=25, method="fewer")
    full = log()
    log(method="same")
    log(normals=20, k_shot=2)
    (row,) = told("unpaired-images")
    assert (row["severity"], row["method"], row["category"]) == ("warning", "fewer", "tile")
    assert row["what"].startswith("50 of its 55 test images are among the 60 of run ")
    assert row["run_id"] != full.name


def test_as_many_images_under_other_names_have_no_partner_either():
    for method, prefix in (("m", "a"), ("n", "b")):
        with start_run(dataset="mvtec", task="cls", k_shot=1, seed=1, method=method) as run:
            names = [f"{prefix if index == 9 else 'good'}/{index}.png" for index in range(60)]
            run.log_category("tile", images=names, branches={"memory": scores()}, labels=[0] * 30 + [1] * 30)
    (row,) = told("unpaired-images")
    assert row["what"].startswith("59 of its 60 test images are among the 60 of run ")


def test_a_branch_without_scores_of_some_images_is_told():
    log()
    open_db("promptad.duckdb", read_only=False).query(
        "DELETE FROM image_scores WHERE branch = 'memory' AND image IN ('good/001.png', 'good/002.png')"
    )
    (row,) = told("unpaired-images")
    assert (row["branch"], row["what"]) == ("memory", "memory has scores of 58 of the 60 test images of its run")


def test_what_was_assumed_when_a_run_was_ingested_is_told_with_its_basis(cli):
    lab = Laboratory()
    for k_shot in (1, 2):
        folder = lab.run({"tile": {"memory": 0.9}}, method="PatchCore", k_shot=k_shot)
        assumed = {"method": "the columns"} | ({"k_shot": "the columns"} if k_shot == 2 else {})
        run_folder.update_run(folder, source={"kind": "pipe-table", "assumed": assumed})
    ingest("runs")
    rows = {row["what"]: row for row in told("assumed-settings")}
    assert set(rows) == {"k_shot 2 was assumed from the columns", "method PatchCore was assumed from the columns"}
    assert rows["method PatchCore was assumed from the columns"]["runs"] == 2
    assert "--method" in rows["method PatchCore was assumed from the columns"]["advice"]
    assert cli("check", "--only", "assumed-settings").code == 0


def test_the_method_that_ingest_assumed_is_told_until_it_is_given(cli, tmp_path):
    text = (
        "Row Names,instance_auroc,full_pixel_auroc,anomaly_pixel_auroc\nmvtec_tile,0.98,0.95,0.9\nMean,0.98,0.95,0.9\n"
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "results.csv").write_text(text)
    for options, count in (((), 1), (("--method", "mine", "--experiment", "given"), 0)):
        assert cli("ingest", "a", "--k-shot", 1, *options).code == 0
        rows = told("assumed-settings")
        assert [row["what"] for row in rows] == ["method PatchCore was assumed from the columns"] * count


@pytest.mark.parametrize("details", [{"assumed": ["method"]}, {"assumed": None}, {"assumed": "method"}, {}])
def test_a_source_of_any_shape_and_folders_that_are_gone_are_in_nobodys_way(details):
    lab = Laboratory()
    folder = lab.run({"tile": {"memory": 0.9}})
    run_folder.update_run(folder, source=details, config={"shots": {"tile": 3, "wood": [1, None]}})
    gone = lab.run({"tile": {"memory": 0.9}}, k_shot=2)
    ingest("runs")
    shutil.rmtree(gone)
    assert found(only=("assumed-settings", "support-in-test")) == []


def log_images(names, **fields):
    """A run of images with these names, sound scores first normal, then anomalous."""
    with start_run(dataset="mvtec", task="cls", k_shot=1, seed=1, method="m", **fields) as run:
        half = len(names) // 2
        branches = {"memory": scores(normals=half, anomalous=half)}
        run.log_category("tile", images=names, branches=branches, labels=[0] * half + [1] * half)


def test_support_images_are_told_by_the_names_that_the_run_recorded():
    names = [f"normal/{index}.jpg" for index in range(60)]
    log_images(names, config={"shots": {"tile": ["normal/7.jpg", "normal/9.jpg"], "wood": ["normal/1.jpg"]}})
    (row,) = told("support-in-test")
    assert (row["severity"], row["category"], row["branch"]) == ("error", "tile", None)
    assert row["what"].startswith("normal/7.jpg and 1 more of the test images, by name")


@pytest.mark.parametrize(
    ("name", "count"),
    [("train/good/000.png", 1), ("tile/train/good/000.png", 1), ("train/tile/test/good/0.png", 0), ("trains/0.png", 0)],
)
def test_images_of_a_folder_train_are_support_images(name, count):
    log_images([name, *(f"good/{index}.png" for index in range(1, 60))])
    assert [row["what"].split(" of the")[0] for row in told("support-in-test")] == [name] * count


def notes(**options):
    return [note for note in report(**options).notes if note.startswith("max equals")]


def three(semantic, memory, fused):
    return {"semantic": semantic, "memory": memory, "max": fused}


def test_a_report_says_when_max_is_one_branch_in_nearly_all_cells():
    lab = Laboratory()
    cells = {f"category_{index}": three(0.8, 0.7 + index / 100, 0.8) for index in range(9)}
    lab.run({**cells, "other": three(0.8, 0.7, 0.9), "tie": three(0.8, 0.8, 0.8), "none": three(0.8, 0.7, None)})
    lab.run({"a": three(0.6, 0.8, 0.8), "b": three(0.6, 0.8, 0.8)}, task="cls")
    ingest("runs")
    (note,) = notes()
    assert note.startswith("max equals semantic in 9 of 10 cells of seg: the scales of the branches decide")
    assert note.endswith("see promptad-db check (branch-scales)")
    assert notes(filters=Filters(branches=("semantic", "max"))) == []


@pytest.mark.parametrize(
    ("fused", "precision", "count"),
    [
        ([0.7] * 5 + [0.9], 0.0, 0),
        ([0.7, 0.8, 0.7, 0.8, 0.7, 0.8], 0.0, 0),
        ([0.70004] * 6, 0.0, 0),
        ([0.70004] * 6, 0.0001, 1),
        ([0.7] * 6, 0.0, 1),
        ([0.7] * 6, 0.2, 0),
    ],
)
def test_max_is_a_branch_within_the_precision_of_the_numbers(fused, precision, count):
    Laboratory().run(
        {f"category_{index}": three(0.8, 0.7, value) for index, value in enumerate(fused)}, precision=precision
    )
    ingest("runs")
    assert [note.split(":")[0] for note in notes()] == ["max equals memory in 6 of 6 cells of seg"] * count
