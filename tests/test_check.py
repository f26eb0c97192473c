"""The check: every finding has its cause in the data, and sound data has none."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import asdict, replace
from itertools import pairwise

import numpy as np
import pytest
from checked_runs import NORMALS, found, log, scores, told
from measured_runs import Laboratory

import promptad_db
from promptad_db import ingest, open_db, run_folder, start_run
from promptad_db.db.engine import tables
from promptad_db.db.engine.sql_files import load_sql, names
from promptad_db.db.queries.check import FOLDERS_GONE
from promptad_db.db.queries.reports import report
from promptad_db.db.queries.selection import Filters
from promptad_db.errors import NoRowsError, UsageError
from promptad_db.records import CategoryResult, Metric

CELL = ("experiment", "method", "variant", "dataset", "category", "k_shot", "seed", "task", "branch")
HOSTILE = "<script>alert(1)</script>"


def test_the_leaked_support_image_is_found_in_all_four_visa_files_and_in_no_mvtec_one(cli, gate_place):
    answer = cli("check", "--format", "json", "--db", gate_place / "promptad.duckdb")
    assert answer.code == 1
    leaks = [row for row in json.loads(answer.out)["findings"] if row["check"] == "support-in-test"]
    assert {(row["dataset"], row["category"]) for row in leaks} == {
        ("visa", category) for category in ("capsules", "cashew", "pcb2", "pipe_fryum")
    }
    for row in leaks:
        assert (row["severity"], row["k_shot"], row["seed"], row["task"]) == ("error", 1, 111, "cls")
        assert "take the support images out" in row["advice"]
    assert "image_0366 of 602 normal images has memory score 0.000244" in leaks[0]["what"]


def test_the_measured_data_has_the_oddities_that_its_readme_tells(gate_place):
    counts = Counter((row["check"], row["severity"]) for row in found(db=gate_place / "promptad.duckdb"))
    assert counts["support-in-test", "error"] == 4
    assert counts["test-selected-epochs", "warning"] == 1
    assert counts["mixed-provenance", "info"] == 1
    # The reported memory AUROC of cls is that of another score; harmonic was computed in half precision.
    contradicted = told("contradicted-reports", db=gate_place / "promptad.duckdb")
    assert {row["branch"] for row in contradicted} == {"memory", "harmonic"}
    assert contradicted[0]["what"] == "image auroc reported as 94.4444, recomputed 93.6111"
    sound = {"constant-scores", "disagreeing-runs", "duplicate-keys", "missing-cells", "orphans", FOLDERS_GONE}
    assert not sound & {name for name, _ in counts}


def test_epochs_chosen_on_the_test_set_are_one_finding_with_the_count_of_runs(gate_place):
    (finding,) = told("test-selected-epochs", db=gate_place / "promptad.duckdb")
    assert (finding["runs"], finding["dataset"], finding["k_shot"], finding["seed"]) == (12, None, None, 111)
    (finding,) = told(
        "test-selected-epochs",
        db=gate_place / "promptad.duckdb",
        filters=Filters(tasks=("seg",), datasets=("visa",), k_shots=(4,)),
    )
    assert (finding["runs"], finding["dataset"], finding["k_shot"], finding["task"]) == (1, "visa", 4, "seg")


def test_sound_runs_have_no_finding(cli):
    log()
    log(seed=222, branches={"semantic": scores(2), "memory": scores(3)})
    answer = cli("check")
    assert answer.code == 0
    assert answer.err == ""
    assert "errors" in answer.out
    assert found() == []


@pytest.mark.parametrize("left", [0.0, 0.00024414, 0.0005, -6e-8])
@pytest.mark.parametrize("leaked", [1, 4])
def test_a_support_image_is_found_whatever_half_precision_leaves_of_its_distance(left, leaked):
    memory = scores()
    memory[3 : 3 + leaked] = left
    log(branches={"memory": memory})
    (finding,) = told("support-in-test")
    assert finding["what"].startswith("good/003.png" if leaked == 1 else "good/003.png and 3 more")
    assert finding["branch"] == "memory"


@pytest.mark.parametrize("scale", [1.0, 0.02, 1e-6, 1e100])
def test_normal_images_near_each_other_are_no_support_images_at_any_scale(scale):
    log(branches={"memory": scores(scale=scale)})
    assert told("support-in-test") == []


def test_what_lies_near_zero_for_other_reasons_is_no_support_image():
    memory = scores()
    log("stretched", branches={"memory": (memory - memory.min()) / (memory.max() - memory.min())})
    log("ramp", branches={"memory": np.linspace(0.0, 1.1, 60)})
    log("centred", branches={"memory": memory - np.median(memory)})
    anomalous = memory.copy()
    anomalous[-1] = 0.0
    log("anomalous", branches={"memory": anomalous})
    log("zeros", branches={"memory": np.where(np.arange(60) < 25, 0.0, memory)})
    log("semantic", branches={"semantic": np.where(np.arange(60) == 3, 0.0, memory)})
    log("few", normals=2, branches={"memory": np.array([0.0, 0.2, *scores()[-NORMALS:]])})
    assert told("support-in-test") == []


def test_one_leak_in_several_runs_is_one_finding_with_their_count():
    memory = scores()
    for k_shot in (1, 2, 4):
        memory[3] = 0.0001 * k_shot
        log(branches={"memory": memory}, k_shot=k_shot)
    (finding,) = told("support-in-test")
    assert (finding["runs"], finding["k_shot"], finding["category"]) == (3, None, "tile")
    assert "0.0001," in finding["what"]


def test_the_runner_leaves_out_support_images_and_the_check_finds_what_it_cannot_know(small_clip, tmp_path):
    """A support image saved anew has other bytes and the same pixels."""
    from PIL import Image

    from promptad_db.datasets.synthetic import write_dataset
    from promptad_db.records import Render
    from promptad_db.runner import Backbone, Request, Training, run

    write_dataset(tmp_path / "data", categories=("nut",), train=2, test_good=6, test_per_defect=1)
    train, good = (tmp_path / "data" / "nut" / part / "good" for part in ("train", "test"))

    def leaks(experiment):
        backbone = Backbone(small_clip, "random", "cpu")
        arguments = {"experiment": experiment, "training": Training(epochs=1), "render": Render(60, 60)}
        run(Request(dataset="synthetic", data_root=tmp_path / "data", backbone=backbone, **arguments))
        return told("support-in-test", filters=Filters(experiments=(experiment,)))

    for path in train.iterdir():
        shutil.copy(path, good / f"same_{path.name}")
    assert leaks("same bytes") == []
    for path in train.iterdir():
        (good / f"same_{path.name}").unlink()
        Image.open(path).save(good / f"again_{path.name}", compress_level=9)
    kept = leaks("same pixels")
    assert {row["task"] for row in kept} == {"cls", "seg"}
    assert all("good/again_" in row["what"] for row in kept)


def test_one_class_cells_say_which_class_and_how_many():
    log("normal", anomalous=0)
    log("anomalous", normals=0)
    log("both")
    rows = {row["category"]: row for row in told("one-class-cells")}
    assert set(rows) == {"normal", "anomalous"}
    assert rows["normal"]["what"] == "no AUROC: all 30 images are normal"
    assert rows["anomalous"]["severity"] == "warning"


def test_masks_that_can_hardly_be_meant_are_told():
    random = np.random.default_rng(0)
    masks = np.zeros((6, 12, 12), dtype=bool)
    masks[3:, 3:8, 4:9] = True
    labels = np.array([0, 0, 0, 1, 1, 1], np.int8)
    empty, inverted = masks.copy(), masks.copy()
    empty[4] = False
    inverted[4:] = ~inverted[4:]
    with start_run(dataset="mvtec", task="seg", k_shot=1, seed=1, method="m") as run:
        for category, truth in {"tile": masks, "wood": empty, "grid": inverted}.items():
            maps = random.random((6, 12, 12)).astype(np.float32)
            # As older versions wrote them: at the door such masks are refused.
            run.log_result(CategoryResult(
                category, images=[f"{index}.png" for index in range(6)], labels=labels, masks=truth,
                maps={"memory": maps}, scores={"memory": maps.max(axis=(1, 2)).astype(np.float64)},
            ))  # fmt: skip
    findings = {row["category"]: row for row in told("doubtful-masks")}
    assert set(findings) == {"wood", "grid"}
    assert findings["wood"]["what"] == "1 of 3 anomalous images have an empty mask, such as 4.png"
    assert findings["grid"]["what"] == "2 of 3 anomalous images are anomalous in most of their pixels"
    assert "invert the masks" in findings["grid"]["advice"]


def test_constant_scores_are_an_error_and_saturated_ones_a_warning():
    log("constant", branches={"semantic": np.full(60, 0.125), "memory": scores()})
    clipped = scores(gap=2)
    clipped[-7:] = 0.9
    few = scores(gap=2)
    few[-5:] = 0.9
    log("clipped", branches={"memory": clipped})
    log("few", branches={"memory": few})
    (constant,) = told("constant-scores")
    assert (constant["category"], constant["branch"]) == ("constant", "semantic")
    assert constant["what"] == "all 60 scores are 0.125"
    assert constant["severity"] == "error"
    (saturated,) = told("saturated-scores")
    assert (saturated["category"], saturated["what"]) == ("clipped", "7 of 60 images share the highest score, 0.9")


def test_max_decided_by_scale_alone_is_told_with_what_ranks_would_choose():
    for task, shape in (("cls", (60,)), ("seg", (60, 3, 3))):
        grids = {name: np.broadcast_to(scores(seed), (3, 3, 60)).T for seed, name in enumerate(("semantic", "memory"))}
        of_task = grids if len(shape) > 1 else {name: grid[:, 0, 0] for name, grid in grids.items()}
        for category, scale in (("alike", 1.0), ("apart", 0.01)):
            with start_run(dataset="mvtec", task=task, k_shot=1, seed=111, method="m") as run:
                run.log_category(
                    category,
                    images=[f"{index}.png" for index in range(60)],
                    branches={"semantic": of_task["semantic"].copy(), "memory": of_task["memory"] * scale},
                    **(
                        {"labels": [0] * NORMALS + [1] * NORMALS}
                        if task == "cls"
                        else {"masks": np.arange(60)[:, None, None] // NORMALS * np.ones((60, 3, 3)) > 0}
                    ),
                )
    rows = {row["task"]: row for row in told("branch-scales")}
    assert {row["category"] for row in rows.values()} == {"apart"}
    assert rows["cls"]["what"].startswith("max is this branch for 60 of 60 images; by rank within each branch")
    assert rows["seg"]["branch"] == "semantic"
    assert "--calibrate rank" in rows["seg"]["advice"]


def replace_metrics(folder, *metrics):
    """Put other numbers into the database, as no run here would measure them."""
    database = open_db("promptad.duckdb", read_only=False)
    database.query("DELETE FROM metrics")
    for metric in metrics:
        row = {"run_id": folder.name, "category": "tile", **asdict(metric)}
        given = {name: value for name, value in row.items() if value is not None}
        names_of, values = ", ".join(given), ", ".join(map(repr, given.values()))
        database.query(f"INSERT INTO metrics ({names_of}) VALUES ({values})")


def test_a_gap_within_chance_says_how_many_images_it_needs():
    """Hanley and McNeil's own example: AUROC 0.893 of 51 abnormal and 58 normal images has a standard error of 0.032."""
    folder = log()
    certain = Metric("image", "memory", "auroc", 0.953, "exact", ci_low=0.953, ci_high=0.953)
    replace_metrics(folder, Metric("image", "semantic", "auroc", 0.893, "exact", n_pos=51, n_neg=58), certain)
    (finding,) = told("too-few-images")
    assert (finding["severity"], finding["branch"]) == ("warning", "semantic")
    shown, half_width, needed = re.fullmatch(
        r"weaker by (\S+) \+- (\S+) points with 60 .* about (\d+)", finding["what"]
    ).groups()
    assert float(shown) == 6.0
    assert float(half_width) / 1.96 == pytest.approx(3.2, abs=0.06)
    assert int(needed) == pytest.approx(60 * (float(half_width) / 6) ** 2, abs=1)


def test_stored_intervals_count_before_the_formula():
    folder = log()
    for width, expected in ((0.2, 1), (0.02, 0)):
        replace_metrics(
            folder,
            Metric("image", "semantic", "auroc", 0.9, "exact", n_pos=5, n_neg=5, ci_low=0.9 - width, ci_high=0.9),
            Metric("image", "memory", "auroc", 0.86, "exact", n_pos=5, n_neg=5, ci_low=0.86, ci_high=0.86 + width),
        )
        assert [row["severity"] for row in told("too-few-images")] == ["info"] * expected


def test_a_gap_that_the_paired_interval_tells_from_chance_is_no_finding_where_independence_would_make_it_one():
    hard = np.concatenate([np.linspace(0, 1, NORMALS), np.linspace(0.35, 1.35, NORMALS)])
    weaker = hard - 0.1 * (np.arange(2 * NORMALS) >= NORMALS)
    log("alike", branches={"semantic": weaker, "memory": hard})
    log("unlike", branches={"semantic": np.concatenate([weaker[:NORMALS][::-1], weaker[NORMALS:]]), "memory": hard})
    (row,) = told("too-few-images")
    assert (row["category"], row["branch"]) == ("unlike", "semantic")
    gap, low, high, needed = re.fullmatch(
        r"weaker by (\S+) \[(\S+), (\S+)\] points with 60 .* about (\d+)", row["what"]
    ).groups()
    assert float(low) < 0 < float(high)
    assert int(needed) == pytest.approx(60 * ((float(high) - float(low)) / 2 / float(gap)) ** 2, rel=0.01)
    open_db("promptad.duckdb", read_only=False).query("DELETE FROM placements")
    assert {row["category"] for row in told("too-few-images")} == {"alike", "unlike"}


def test_too_few_images_agrees_with_the_intervals_of_the_worst_cells(gate_place):
    database = gate_place / "promptad.duckdb"
    filters = Filters(tasks=("cls",), k_shots=(1,))
    (worst,) = report(database, filters, sections=("worst",), top=100, ci=True).sections
    cells = [row for row in worst.result.records() if row["gap_ci_low"] is not None and abs(row["gap"]) >= 0.01]
    chance = {row["category"] for row in cells if row["gap_ci_low"] < 0 < row["gap_ci_high"]}
    assert "grid" in {row["category"] for row in cells} - chance
    rows = [row for row in told("too-few-images", db=database, filters=filters) if " [" in row["what"]]
    assert {row["category"] for row in rows} == chance


def test_perfect_and_certain_gaps_are_not_called_chance():
    log(branches={"semantic": scores(gap=0), "memory": scores(gap=3)})
    log("equal", branches={"semantic": scores(gap=3), "memory": scores(gap=3)})
    assert told("too-few-images") == []


def test_missing_cells_of_a_sweep_are_named_by_run_and_category():
    lab = Laboratory()
    both = {"semantic": 0.8, "memory": 0.9}
    lab.run({"tile": both, "wood": both})
    lab.run({"tile": both}, k_shot=2)
    lab.run({HOSTILE: both}, dataset="mine", seed=None)
    lab.run({"pcb1": both}, variant="memory_only", dataset="visa")
    ingest("runs")
    rows = {(row["dataset"], row["k_shot"], row["seed"]): row["what"] for row in told("missing-cells")}
    assert rows["mvtec", 2, 111] == "missing are 1 of 2 categories: wood"
    assert rows["mine", 1, 111] == f"missing are 1 of 1 categories: {HOSTILE}"
    assert not any(dataset == "visa" for dataset, *_ in rows)
    assert ("mvtec", 1, 111) not in rows


def test_mixed_provenance_is_told_within_a_cell_and_between_cells():
    log("exact")
    folder = log("alone", branches={"memory": scores()})
    result = run_folder.read_category(folder, "alone")
    result.metrics.append(Metric("image", "semantic", "auroc", 0.8, "reported"))
    run_folder.write_category(folder, replace(result, category="mixed"))
    Laboratory().run({"reported": {"semantic": 0.8, "memory": 0.9}}, task="cls", experiment="default")
    ingest("runs")
    within, between = told("mixed-provenance")
    assert (within["severity"], within["category"]) == ("warning", "mixed")
    assert between["severity"] == "info"
    assert between["what"] == "averages are over 2 exact and 1 reported cells"


def test_runs_of_different_protocols_are_told_but_no_epochs_fit_to_any_selection():
    lab = Laboratory()
    both = {"tile": {"semantic": 0.8, "memory": 0.9}}
    lab.run(both, selection="last_epoch")
    lab.run(both, selection="none", variant="memory_only")
    ingest("runs")
    assert told("mixed-protocols") == []
    lab.run(both, selection="best_on_test", variant="public", protocol="multi_class", model={"name": "ViT-L"})
    ingest("runs")
    (finding,) = told("mixed-protocols")
    assert "epoch selections best_on_test, last_epoch" in finding["what"]
    assert "protocols multi_class, one_class" in finding["what"]
    assert "2 backbones, ViT-L and unknown" in finding["what"]


@pytest.mark.parametrize(("second", "severity"), [(0.81, "error"), (0.8005, "warning"), (0.80005, None)])
def test_runs_of_one_configuration_that_disagree_are_told(second, severity):
    lab = Laboratory()
    for value in (0.8, second):
        lab.run({"tile": {"semantic": value, "memory": 0.9}}, precision=0.0001)
    lab.run({"tile": {"semantic": 0.3, "memory": 0.9}}, seed=222)
    ingest("runs")
    rows = told("disagreeing-runs")
    assert [(row["severity"], row["branch"]) for row in rows] == ([(severity, "semantic")] if severity else [])


def test_a_reported_number_is_contradicted_by_the_scores_of_the_same_run_or_of_its_twin(cli):
    log(branches={"memory": scores(), "semantic": scores(1)})
    exact = open_db().query("SELECT value FROM metrics WHERE branch = 'memory' AND metric = 'auroc'").rows[0][0]
    lab = Laboratory()
    lab.run({"tile": {"memory": exact - 0.2, "semantic": None}}, task="cls", experiment="default", precision=0.001)
    lab.run({"wood": {"memory": 0.1}}, task="cls", experiment="default")
    ingest("runs")
    (finding,) = told("contradicted-reports")
    assert (finding["severity"], finding["category"], finding["branch"]) == ("error", "tile", "memory")
    assert cli("check", "--only", "contradicted-reports").code == 1


def test_a_run_that_did_not_finish_is_told_by_its_status():
    lab = Laboratory()
    for status in ("running", "failed", "finished"):
        lab.run({"tile": {"memory": 0.9}}, status=status)
    ingest("runs")
    assert [row["what"] for row in told("unfinished-runs")] == [
        "the status of the run is failed",
        "the status of the run is running",
    ]


def test_broken_rows_and_lost_folders_are_errors(cli):
    kept, lost = log(), log(seed=222)
    database = open_db("promptad.duckdb", read_only=False)
    assert found(only=("orphans", "duplicate-keys", FOLDERS_GONE)) == []
    database.query(f"DELETE FROM runs WHERE run_id = '{lost.name}'")
    database.query(f"DELETE FROM images WHERE run_id = '{kept.name}' AND image = 'good/000.png'")
    database.query(f"INSERT INTO run_tags VALUES ('{kept.name}', 'twice'), ('{kept.name}', 'twice')")
    database.query("DELETE FROM categories")
    kept.rename("elsewhere")
    rows = found(only=("orphans", "duplicate-keys", FOLDERS_GONE))
    assert {row["severity"] for row in rows} == {"error"}
    what = {row["what"] for row in rows}
    assert "1 rows of run_categories have no run" in what
    assert "4 rows of image_scores have no image" in what
    assert "1 rows of run_categories have no category of its dataset" in what
    assert "1 keys stand twice or more in run_tags" in what
    assert any(row["check"] == FOLDERS_GONE and row["runs"] == 1 for row in rows)
    assert cli("check", "--only", FOLDERS_GONE).code == 1


def test_every_check_returns_the_same_columns_and_says_what_it_finds(gate_place):
    report = promptad_db.check(gate_place / "promptad.duckdb")
    assert [row[0] for row in report.ran.rows] == names("checks")
    database = open_db(gate_place / "promptad.duckdb")
    for name in names("checks"):
        query = load_sql("checks", name)
        assert len(query.title) > 60, name
        assert not query.parameters, name
        assert "AS advice" in query.sql, name
    assert set(CELL) < set(report.findings.columns)
    assert database.query("SELECT COUNT(*) FROM runs").rows == [(12,)]


def test_the_help_names_every_check(cli):
    text = " ".join(cli("check", "--help").out.split())
    for name in names("checks"):
        assert name in text.replace("- ", "-"), name


def test_checks_and_severities_can_be_chosen(cli, gate_place):
    database = gate_place / "promptad.duckdb"
    one = cli("check", "--only", "test-selected-epochs", "--db", database)
    assert one.code == 0
    assert "support-in-test" not in one.out
    errors = json.loads(cli("check", "--severity", "error", "--format", "json", "--db", database).out)
    assert {row["severity"] for row in errors["findings"]} == {"error"}
    assert cli("check", "--only", "nobody", "--db", database).code == 2
    assert "branch-scales" in cli("check", "--only", "nobody", "--db", database).err
    with pytest.raises(UsageError, match="error, warning, info"):
        promptad_db.check(database, severity="grave")


@pytest.mark.parametrize("name", ["table", "md", "csv", "latex", "html"])
def test_every_format_shows_severity_cell_finding_and_advice(cli, gate_place, name):
    answer = cli("check", "--format", name, "--db", gate_place / "promptad.duckdb")
    assert answer.code == 1
    for word in ("error", "capsules", "of 602 normal images", "take the support images out of the test set"):
        assert word in answer.out, word


def test_csv_is_one_table_of_all_findings_and_the_others_show_the_first_of_each_check(cli, gate_place):
    database = gate_place / "promptad.duckdb"
    lines = cli("check", "--format", "csv", "--only", "contradicted-reports", "--db", database).out.splitlines()
    assert lines[0].startswith("severity,check,experiment,")
    shown = cli("check", "--only", "contradicted-reports", "--top", "2", "--db", database).out
    assert f"Shown are 2 of {len(lines) - 1}; --top N shows more, --format csv all of them." in shown
    assert shown.count("recomputed") == 2


def test_hostile_names_are_shown_and_not_obeyed(cli):
    memory = scores()
    memory[3] = 0.0
    with start_run(dataset=HOSTILE, task="cls", k_shot=1, seed=1, method="m", experiment="it's: :x % {y}") as run:
        images = [HOSTILE if index == 3 else f"{index}.png" for index in range(60)]
        run.log_category("a'b", images=images, branches={"memory": memory}, labels=[0] * 30 + [1] * 30)
    answer = cli("check", "--format", "html", "--category", "a'b", "--dataset", HOSTILE)
    assert answer.code == 1
    assert HOSTILE not in answer.out
    assert "&lt;script&gt;" in answer.out


def test_nothing_to_check_is_said_with_its_own_exit_code(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}})
    ingest("runs")
    assert cli("check", "--dataset", "nobody").code == 5
    assert cli("check", "--db", "no.duckdb").code == 3
    with pytest.raises(NoRowsError):
        promptad_db.check(filters=Filters(seeds=(7,)))


def test_the_most_recent_experiment_is_checked_unless_another_is_named(cli):
    memory = scores()
    memory[3] = 0.0
    log(branches={"memory": memory}, experiment="old")
    log(experiment="new")
    answer = cli("check")
    assert answer.code == 0
    assert "experiment new, the most recent" in answer.err
    assert cli("check", "--experiment", "old,new").code == 1


def test_categories_without_scores_or_labels_are_in_nobodys_way():
    folder = Laboratory().run({"tile": {"semantic": None, "memory": 0.9}})
    run_folder.write_category(folder, CategoryResult("empty"))
    unlabelled = CategoryResult("unlabelled", images=["a", "b"], scores={"memory": np.array([0.0, 0.2])})
    run_folder.write_category(folder, unlabelled)
    ingest("runs")
    assert {row["severity"] for row in found()} <= {"warning", "info"}


@pytest.mark.parametrize("name", ["orphans", "duplicate-keys"])
def test_the_checks_of_the_database_look_at_every_table_of_a_run(name):
    words = load_sql("checks", name).sql.split()
    looked_at = {after for word, after in pairwise(words) if word.endswith("FROM")}
    assert {table.name for table in tables.CATEGORY_TABLES} <= looked_at
