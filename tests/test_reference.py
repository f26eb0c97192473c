"""Own means beside published ones: what is shipped, what differs, and when a report shows it."""

import json
from importlib import resources

import pytest

from promptad_db import ingest
from promptad_db.datasets.categories import KINDS, kind_of
from promptad_db.datasets.synthetic import CATEGORIES
from promptad_db.db.queries.reference import published
from promptad_db.tables import FORMATS

TABLE = published()
ROWS = [dict(zip(TABLE, values, strict=True)) for values in zip(*TABLE.values(), strict=True)]


def beside(cli, *arguments):
    answer = cli("report", "--section", "reference", "--format", "json", *arguments)
    assert answer.code == 0
    return json.loads(answer.out)["reference"]


@pytest.fixture
def whole_run(make_run):
    """A run over all categories of a dataset; the mean of branch max is ``best``."""

    def make(dataset="visa", best=0.9, leave_out=0, **fields):
        categories = list(KINDS[dataset])[leave_out:]
        make_run(
            {name: {"semantic": 0.7, "memory": 0.8, "max": best, "oracle": 0.99} for name in categories},
            dataset=dataset,
            **fields,
        )
        ingest("runs")

    return make


def test_the_table_has_each_mean_once_with_its_source():
    keys = [(row["method"], row["dataset"], row["k_shot"], row["level"]) for row in ROWS]
    assert len(set(keys)) == len(keys) >= 40
    for row in ROWS:
        assert row["source"]
        assert row["seen_in"]
        assert row["dataset"] in KINDS
        assert row["k_shot"] in ("1", "2", "4")
        assert row["level"] in ("image", "pixel")
        assert 50 < float(row["mean"]) < 100
        assert row["precision"] == "0.1"
        assert len(row["mean"].partition(".")[2]) == 1
        assert row["std"] == "" or 0 <= float(row["std"]) < 10
        assert row["protocol"] in ("", "one_class", "multi_class")
        assert row["selection"] in ("", "none", "last_epoch", "best_on_test")
        assert row["auxiliary"] in ("yes", "no")
        assert row["confirmed"] in ("yes", "no")


def test_the_methods_of_the_field_are_there_on_both_data_sets_and_levels():
    for method in ("PromptAD", "WinCLIP+", "PatchCore", "PaDiM", "SPADE", "AnomalyDINO-S (672)", "SubspaceAD"):
        found = {(row["dataset"], row["level"]) for row in ROWS if row["method"] == method and row["k_shot"] == "1"}
        assert len(found) == 4, method


def test_what_could_not_be_confirmed_says_so():
    doubtful = {
        (row["method"], row["dataset"], row["k_shot"], row["level"]) for row in ROWS if row["confirmed"] == "no"
    }
    assert doubtful == {("PromptAD", "mvtec", "2", "pixel"), ("PromptAD", "visa", "2", "pixel")}


def test_the_table_is_a_file_of_the_package():
    assert (resources.files("promptad_db.db.queries") / "published.csv").is_file()


def test_the_difference_is_the_best_own_branch_minus_the_published_mean(cli, whole_run):
    whole_run(best=0.9)
    rows = beside(cli)
    own = {row["branch"]: row for row in rows if row["source"] == "own"}
    assert {branch: row["mean"] for branch, row in own.items()} == {
        "max": 0.9, "memory": 0.8, "semantic": 0.7, "oracle": 0.99
    }  # fmt: skip
    assert {row["difference"] for row in own.values()} == {None}
    assert own["oracle"]["differs"] == "an upper bound"
    [promptad] = [row for row in rows if row["source"] != "own" and row["method"] == "PromptAD"]
    assert promptad["mean"] == pytest.approx(0.967)
    assert promptad["difference"] == pytest.approx(0.9 - 0.967)
    assert [row["mean"] for row in rows] == sorted((row["mean"] for row in rows), reverse=True)
    assert len(rows) == 4 + sum((row["dataset"], row["k_shot"], row["level"]) == ("visa", "1", "pixel") for row in ROWS)


def test_a_mean_over_fewer_categories_is_marked_on_both_sides(cli, whole_run):
    whole_run(leave_out=9)
    rows = beside(cli)
    assert {row["differs"] for row in rows if row["branch"] == "max"} == {"3 of 12 categories"}
    assert all("own 3 of 12 categories" in row["differs"] for row in rows if row["source"] != "own")


def test_a_whole_mean_counts_before_a_higher_one_of_fewer_categories(cli, make_run):
    make_run({name: {"memory": 0.8} for name in KINDS["visa"]}, dataset="visa")
    make_run({"candle": {"max": 0.99}}, dataset="visa", method="other")
    ingest("runs")
    [padim] = [row for row in beside(cli) if row["method"] == "PaDiM"]
    assert padim["difference"] == pytest.approx(0.8 - 0.899)


@pytest.mark.parametrize(
    ("fields", "method", "told", "silent"),
    [
        ({}, "IIPAD", "multi-class", ""),
        ({"protocol": "multi_class"}, "IIPAD", "backbone", "multi-class"),
        ({"protocol": "multi_class"}, "PatchCore", "one-class", ""),
        ({"model": {"name": "ViT-B-16-plus-240"}}, "PatchCore", "backbone wide_resnet50_2", "?"),
        ({"model": {"name": "ViT-B-16-plus-240"}}, "WinCLIP+", "5 seeds", "backbone"),
        ({"model": {"name": "RN50"}}, "WinCLIP+", "backbone ViT-B-16-plus-240 at 240 px", "?"),
        ({}, "WinCLIP+", "backbone ViT-B-16-plus-240?", ""),
        ({"selection": "last_epoch"}, "PromptAD", "epoch best_on_test", "epoch selection"),
        ({"selection": "best_on_test"}, "PromptAD", "backbone", "epoch"),
        ({"selection": "best_on_test"}, "PatchCore", "epoch not by test", ""),
        ({"selection": "last_epoch"}, "PatchCore", "backbone", "epoch"),
        ({}, "AnomalyGPT", "trained on other anomalies", "figure"),
    ],
)
def test_what_differs_in_protocol_is_named(cli, whole_run, fields, method, told, silent):
    whole_run(**{"task": "cls", "selection": "none", **fields})
    [row] = [row for row in beside(cli) if row["method"] == method]
    assert told in row["differs"]
    assert not silent or silent not in row["differs"]


def test_the_rendered_size_counts_for_pixels_only(cli, whole_run):
    from promptad_db.records import Render

    whole_run(render=Render(400, 400), k_shot=2)
    whole_run(render=Render(240, 240), task="cls", k_shot=2)
    rows = {
        row["task"]: row["differs"] for row in beside(cli) if row["method"] == "PromptAD" and row["source"] != "own"
    }
    assert rows == {
        "cls": "backbone ViT-B-16-plus-240?, epoch selection ?",
        "seg": "backbone ViT-B-16-plus-240?, epoch selection ?, figure not confirmed",
    }
    whole_run(render=Render(240, 240), k_shot=1)
    [row] = [row for row in beside(cli, "--k-shot", "1") if row["method"] == "PromptAD"]
    assert "rendered 400" in row["differs"]


def test_of_a_run_that_was_repeated_the_latest_counts(cli, whole_run):
    for best in (0.95, 0.9):
        whole_run(best=best)
    [own] = [row for row in beside(cli) if row["branch"] == "max"]
    assert (own["seeds"], own["categories"], own["mean"]) == (1, 12, pytest.approx(0.9))


def test_own_seeds_have_a_deviation_of_their_own(cli, whole_run):
    for seed in range(3):
        whole_run(best=0.9 + seed / 100, seed=seed)
    [own] = [row for row in beside(cli) if row["branch"] == "max"]
    assert (own["seeds"], own["mean"], own["std"]) == (3, pytest.approx(0.91), pytest.approx(0.01))


def test_a_report_shows_it_only_when_it_is_asked_for(cli, whole_run):
    whole_run()
    assert "reference" not in json.loads(cli("report", "--format", "json").out)


def test_data_sets_that_nobody_published_have_nothing_beside_them(cli, make_run):
    make_run({"tile": {"semantic": 0.7, "memory": 0.8}}, dataset="mine")
    ingest("runs")
    assert beside(cli) == []
    assert "reference" not in json.loads(cli("report", "--format", "json").out)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_prints_it_and_hostile_names_stay_text(cli, whole_run, name):
    whole_run(method="<script>alert(1)</script>")
    answer = cli("report", "--section", "reference", "--format", name)
    assert answer.code == 0
    assert "PatchCore" in answer.out
    assert name != "html" or "<script>alert" not in answer.out


def test_the_gate_run_is_below_the_published_promptad(cli, gate_place):
    rows = beside(cli, "--task", "seg", "--dataset", "mvtec", "--db", gate_place / "promptad.duckdb")
    differences = [row["difference"] for row in rows if row["method"] == "PromptAD" and row["source"] != "own"]
    assert differences == [pytest.approx(value, abs=5e-5) for value in (-0.0051, -0.0015, 0.0024)]


def test_the_synthetic_categories_have_their_kinds():
    assert {name: kind_of("synthetic", name) for name in CATEGORIES} == {
        name: category.kind for name, category in CATEGORIES.items()
    }
    assert kind_of("synthetic", "bottle") is None
