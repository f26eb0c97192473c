"""The charts: what they are drawn from, what they say, and the files that they become."""

from __future__ import annotations

import json
import math
import struct
from dataclasses import replace

import numpy as np
import pytest
from measured_runs import Laboratory, both
from pictured_run import pictured_run
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score, roc_curve

from promptad_db import ingest, run_folder, start_run
from promptad_db.cells.view import curves, panels
from promptad_db.db.queries.plot_data import plot_data
from promptad_db.db.queries.selection import Filters
from promptad_db.errors import InputError, NoRowsError, UsageError
from promptad_db.plots import PLOTS, alt_text, chart_script, draw
from promptad_db.result_set import ResultSet
from promptad_db.scoring import render_maps

OF_THE_GATE = ("gap-heatmap", "dumbbell", "audit", "fusion")
RANKS = ResultSet(
    ("task", "contender", "mean_rank", "categories", "critical_difference"),
    [("seg", "max", 1.25, 27, 0.9), ("seg", "memory", 1.9, 27, 0.9), ("seg", "semantic", 2.85, 27, 0.9)],
)


def spec_of(name, result, **options):
    return draw(name, result, **options).to_dict()


def every_value(spec):
    """All rows of data in a specification."""
    return [row for rows in spec.get("datasets", {}).values() for row in rows] or list(_inline(spec))


def _inline(part):
    if isinstance(part, dict):
        if isinstance(part.get("data"), dict):
            yield from part["data"].get("values", [])
        for value in part.values():
            yield from _inline(value)
    elif isinstance(part, list):
        for value in part:
            yield from _inline(value)


@pytest.fixture(scope="module")
def gate(gate_place):
    return gate_place / "promptad.duckdb"


@pytest.mark.parametrize("name", OF_THE_GATE)
def test_the_charts_of_the_measured_data_hold_all_81_cells_a_task(gate, name):
    result = plot_data(gate, name, Filters())
    spec = json.dumps(spec_of(name, result))
    if name == "fusion":
        assert {row["cells"] for row in result.records()} == {81}
    else:
        assert len(result) == 162
        assert "pipe_fryum" in spec
    assert alt_text(name, result)


def test_the_heat_map_says_how_often_memory_is_better(gate):
    text = alt_text("gap-heatmap", plot_data(gate, "gap-heatmap", Filters()))
    assert "memory is better in 56 of 81 squares" in text
    assert "+34.09 points (capsules of visa at K=4)" in text


def test_the_gains_of_max_are_those_of_the_report(gate):
    rows = {
        (row["task"], row["rule"], row["against"]): row
        for row in plot_data(gate, "fusion", Filters(tasks=("seg",))).records()
    }
    assert 100 * rows["seg", "max", "memory"]["mean"] == pytest.approx(1.61, abs=0.005)
    for row in rows.values():
        assert row["low"] <= row["lower"] <= row["median"] <= row["upper"] <= row["high"]


def test_the_audit_shows_the_largest_error(gate):
    text = alt_text("audit", plot_data(gate, "audit", Filters(tasks=("seg",))))
    assert "86.35 points: semantic of carpet (mvtec) at K=1" in text


def test_the_dumbbell_shows_the_largest_gaps_and_says_that_there_are_more(gate):
    result = plot_data(gate, "dumbbell", Filters(), top=5)
    assert result.cut
    assert len(result) == 10
    assert result.records()[5]["category"] == "capsules"
    assert not plot_data(gate, "dumbbell", Filters()).cut


def test_other_branches_are_compared_under_their_names(gate):
    result = plot_data(gate, "gap-heatmap", Filters(branches=("memory", "max"), tasks=("seg",)))
    assert {(row["branch_a"], row["branch_b"]) for row in result.records()} == {("memory", "max")}
    assert "max is better in 64 of 81 squares" in alt_text("gap-heatmap", result)


def test_intervals_are_drawn_where_there_are_any(gate):
    result = plot_data(gate, "dumbbell", Filters(), top=1)
    row = dict(zip(result.columns, result.rows[0], strict=True))
    measured = replace(result, rows=[tuple({**row, "low_a": 0.7, "high_a": 0.8}.values())])
    assert '"high"' in json.dumps(spec_of("dumbbell", measured)["concat"])
    assert "70.00 to 80.00" in json.dumps(spec_of("dumbbell", measured))
    assert len(spec_of("dumbbell", result)["concat"][0]["layer"]) == 2


def test_critical_difference_mean_ranks_are_drawn_the_best_on_top_within_the_ranks_there_are():
    spec = spec_of("critical-difference", RANKS)
    bars = [row for row in every_value(spec) if row["contender"] == "max"]
    assert (bars[0]["low"], bars[0]["high"]) == (1, pytest.approx(1.7))
    assert '"domain": [1, 3]' in json.dumps(spec)
    assert "bars that do not overlap differ (Nemenyi, 0.05; CD = 0.90)" in json.dumps(spec).replace('", "', " ")
    assert alt_text("critical-difference", RANKS).index("max 1.25") < alt_text("critical-difference", RANKS).index(
        "memory 1.90"
    )


GAINS = ("mean", "low", "lower", "median", "upper", "high")
MARKED = ("gate‡", "by_type§", "oracle_rank†", "mine†", "max", "gate_mine")


def gains_of(**kinds):
    """Rows of the chart fusion, one a rule, with what each rule says it is."""
    rows = [("seg", rule, "memory", 3, *([0.1] * 6), *what) for rule, what in kinds.items()]
    columns = ("task", "rule", "against", "cells", *GAINS, "kind", "supervision", "upper_bound")
    return ResultSet(columns, rows)


def test_rules_of_a_chart_are_marked_by_what_they_are_and_the_marks_are_explained():
    unknown, bound = (None, None, None), ("oracle", "test labels", True)
    result = gains_of(gate=unknown, by_type=unknown, oracle_rank=unknown, mine=bound, max=unknown, gate_mine=unknown)
    spec = spec_of("fusion", result)
    assert {row["label"] for row in every_value(spec) if "label" in row} == set(MARKED)
    assert spec["title"]["text"] == [
        "† upper bound: it chooses with the labels of the test images",
        "‡ supervised: it uses test labels of other categories",
        "§ supervised: it uses defect types",
    ]
    titled = draw("fusion", result, title="Gains").to_dict()["title"]
    assert (titled["text"], titled["subtitle"]) == ("Gains", spec["title"]["text"])
    text = alt_text("fusion", result)
    assert "mine† +10.00 points" in text
    assert "† upper bound: it chooses" in text


@pytest.mark.parametrize("name", ["gap-heatmap", "dumbbell"])
def test_a_chart_of_estimates_never_calls_them_aurocs(gate, name):
    estimated = plot_data(gate, name, Filters(provenance="approx", tasks=("seg",)))
    spec = json.dumps(spec_of(name, estimated), ensure_ascii=False)
    assert "* approx: estimated from score means without ground truth" in spec
    assert "AUROC (%)" not in spec
    assert "estimate*" in spec
    assert "not a measured AUROC" in alt_text(name, estimated)
    exact = plot_data(gate, name, Filters(tasks=("seg",)))
    assert "estimate" not in json.dumps(spec_of(name, exact)) + alt_text(name, exact)


def test_both_sides_and_the_curves_of_an_upper_bound_are_marked(gate):
    compared = plot_data(gate, "dumbbell", Filters(branches=("memory", "oracle"), tasks=("cls",)))
    assert {row["branch"] for row in every_value(spec_of("dumbbell", compared)) if "auroc" in row} == {
        "memory",
        "oracle†",
    }
    assert "oracle† 100.00 %" in alt_text("dumbbell", compared)
    assert "oracle†" in json.dumps(spec_of("gap-heatmap", compared), ensure_ascii=False)
    columns = ("branch", "false_positive_rate", "true_positive_rate", "auroc", "precision", "ap")
    curve = ResultSet(columns, [("oracle", 0.0, 0.0, 0.9, 1.0, 0.8), ("oracle", 1.0, 1.0, 0.9, 0.5, 0.8)])
    for name, area in (("roc", "AUROC 90.00 %"), ("pr", "AP 80.00 %")):
        assert f"oracle†, {area}" in json.dumps(spec_of(name, curve), ensure_ascii=False)
        assert "† upper bound" in alt_text(name, curve)


def test_a_tie_has_no_sign_and_one_cell_is_enough(tmp_path):
    Laboratory().run({"tile": {"semantic": 0.9, "memory": 0.9}})
    ingest("runs", db="p.duckdb")
    result = plot_data(tmp_path / "p.duckdb", "gap-heatmap", Filters())
    assert [row["number"] for row in every_value(spec_of("gap-heatmap", result))] == ["0.0"]
    assert "of 1 squares" in alt_text("gap-heatmap", result)
    assert spec_of("dumbbell", plot_data(tmp_path / "p.duckdb", "dumbbell", Filters()))


def test_seeds_variants_and_experiments_are_told_apart_in_the_names_of_cells(tmp_path):
    lab = Laboratory()
    for seed in (1, 2):
        lab.run({"tile": both(0.7, 0.9)}, seed=seed)
    ingest("runs", db="p.duckdb")
    cells = {
        row["cell"] for row in every_value(spec_of("dumbbell", plot_data(tmp_path / "p.duckdb", "dumbbell", Filters())))
    }
    assert cells == {"tile K=1 seed 1", "tile K=1 seed 2"}
    assert len(plot_data(tmp_path / "p.duckdb", "gap-heatmap", Filters())) == 1


def test_nothing_to_draw_is_said(tmp_path):
    Laboratory().run({"tile": {"memory": 0.9}})
    ingest("runs", db="p.duckdb")
    for name in OF_THE_GATE:
        with pytest.raises(NoRowsError):
            plot_data(tmp_path / "p.duckdb", name, Filters())
    with pytest.raises(NoRowsError):
        draw("fusion", ResultSet(PLOTS["fusion"].columns, []))


def test_unknown_plots_and_other_rows_are_refused():
    with pytest.raises(UsageError, match="pie"):
        draw("pie", RANKS)
    with pytest.raises(UsageError, match="auroc_a"):
        draw("dumbbell", RANKS)


@pytest.mark.parametrize("level", ["image", "pixel"])
@pytest.mark.parametrize("branch", ["semantic", "memory", "max"])
def test_curves_are_those_of_scikit_learn(tmp_path, level, branch):
    folder = pictured_run(tmp_path, images=5)
    result = run_folder.read_category(folder, "tile")
    rows = [row for row in curves(folder, "tile", level, [branch]).records() if row["branch"] == branch]
    values = {**result.maps, "max": np.maximum(*result.maps.values())}[branch]
    if level == "image":
        scores, truth = result.scores[branch], result.labels
    else:
        scores, truth = render_maps(values, run_folder.read_run(folder).render).ravel(), result.masks.ravel()
    for row in rows:
        assert row["auroc"] == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
        assert row["ap"] == pytest.approx(average_precision_score(truth, scores), abs=1e-12)
    x, y = (np.array([row[name] for row in rows]) for name in ("false_positive_rate", "true_positive_rate"))
    assert (np.diff(x) >= 0).all()
    assert (np.diff(y) >= 0).all()
    assert np.trapezoid(y, x) == pytest.approx(rows[0]["auroc"], abs=1e-3)
    of_thresholds = [row for row in rows if row["threshold"] is not None]
    false, true, _ = roc_curve(truth, scores, drop_intermediate=False)
    assert points_of(row_pairs(of_thresholds, "false_positive_rate")) <= points_of(zip(false, true, strict=True))
    precision, recall, _ = precision_recall_curve(truth, scores)
    assert points_of(row_pairs(of_thresholds, "precision")) <= points_of(zip(precision, recall, strict=True))


def row_pairs(rows, name):
    return [(row[name], row["true_positive_rate"]) for row in rows]


def points_of(pairs):
    return {(round(float(one), 9), round(float(other), 9)) for one, other in pairs}


def test_tied_scores_make_a_slanted_line(tmp_path):
    with start_run(dataset="d", task="cls", k_shot=1, seed=0, method="m", runs=tmp_path / "runs", db=False) as run:
        run.log_category(
            "tile", images=list("abcd"), labels=[0, 0, 1, 1], branches={"semantic": [0.5] * 4, "memory": [0, 1, 2, 3.0]}
        )
    rows = curves(run.folder, "tile", "image", ["semantic"]).records()
    vertices = {(row["false_positive_rate"], row["true_positive_rate"]) for row in rows}
    assert vertices == {(0.0, 0.0), (1.0, 1.0)}
    assert rows[0]["auroc"] == 0.5


def test_millions_of_pixels_become_few_vertices(tmp_path):
    random = np.random.default_rng(0)
    masks = random.random((20, 128, 128)) < 0.2
    with start_run(dataset="d", task="seg", k_shot=1, seed=0, method="m", runs=tmp_path / "runs", db=False) as run:
        maps = random.random((20, 128, 128)) + 0.5 * masks
        run.log_category("tile", images=[f"{i}" for i in range(20)], branches={"memory": maps}, masks=masks)
    assert len(curves(run.folder, "tile", "pixel", ["memory"])) < 5000


def test_curves_that_cannot_be_are_refused_by_name(tmp_path, make_run):
    folder = pictured_run(tmp_path)
    with pytest.raises(InputError, match="nobody"):
        curves(folder, "tile", "pixel", ["nobody"])
    with pytest.raises(InputError, match="no scores of branch semantic"):
        curves(make_run({"tile": {"semantic": 0.5}}), "tile", "image")
    with start_run(dataset="d", task="cls", k_shot=1, seed=0, method="m", runs=tmp_path / "more", db=False) as run:
        run.log_category("tile", images=["a", "b"], labels=[0, 0], branches={"memory": [0.1, 0.2]})
    with pytest.raises(InputError, match="tile: no label is anomalous"):
        curves(run.folder, "tile", "image", ["memory"])


def test_panels_show_the_image_its_ground_truth_and_every_map(tmp_path):
    folder = pictured_run(tmp_path)
    shown = panels(folder, "tile", 2, ("semantic", "memory", "max"), tmp_path / "data")
    assert [panel.label for panel in shown] == [1, 1]
    for panel in shown:
        assert set(panel.maps) == {"semantic", "memory", "max"}
        for png in (panel.picture, panel.truth, *panel.maps.values()):
            assert png.startswith(b"\x89PNG")
            assert struct.unpack(">II", png[16:24]) == (64, 64)
        assert panel.alt.startswith(f"{panel.image}: anomalous; scores semantic ")
        assert all(math.isfinite(score) for score in panel.scores.values())
    assert shown[0].ranges == shown[1].ranges


def test_without_the_data_set_there_are_maps_and_ground_truth_alone(tmp_path):
    folder = pictured_run(tmp_path)
    (panel,) = panels(folder, "tile", ["crack/001.png"])
    assert panel.picture is None
    assert panel.truth
    assert panel.maps
    assert panels(folder, "tile", ["good/000.png"], ("memory",))[0].label == 0
    with pytest.raises(InputError, match=r"no image nobody\.png"):
        panels(folder, "tile", ["nobody.png"])


def test_a_constant_map_is_drawn_too(tmp_path):
    with start_run(dataset="d", task="seg", k_shot=1, seed=0, method="m", runs=tmp_path / "runs", db=False) as run:
        masks = np.zeros((2, 8, 8), bool)
        masks[1, 2:4, 2:4] = True
        run.log_category("t", images=["a", "b"], branches={"memory": np.zeros((2, 4, 4))}, masks=masks)
    assert panels(run.folder, "t", 1, ("memory",))[0].maps["memory"].startswith(b"\x89PNG")


@pytest.mark.parametrize("suffix", ["svg", "png", "pdf", "html"])
def test_a_chart_becomes_a_file_of_the_size_asked_for(cli, gate, tmp_path, suffix):
    path = tmp_path / f"chart.{suffix}"
    answer = cli("plot", "fusion", "-o", path, "--width", 120, "--dpi", 150, "--title", "<Gains>", "--db", gate)
    assert (answer.code, answer.out) == (0, "")
    content = path.read_bytes()
    assert content.startswith({"svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF", "html": b"<!DOCTYPE html>"}[suffix])
    if suffix == "png":
        width = struct.unpack(">I", content[16:20])[0]
        assert width == pytest.approx(120 / 25.4 * 150, rel=0.12)
    if suffix == "svg":
        assert b'pt" height="' in content
        assert b"&lt;Gains&gt;" in content
    again = path.with_name(f"again.{suffix}")
    cli("plot", "fusion", "-o", again, "--width", 120, "--dpi", 150, "--title", "<Gains>", "--db", gate)
    assert suffix == "pdf" or again.read_bytes() == content


def test_a_curve_wants_one_cell_and_says_how_to_choose_it(cli, tmp_path):
    pictured_run(tmp_path, ("tile", "wood"))
    answer = cli("plot", "roc", "-o", "roc.svg")
    assert answer.code == 2
    assert "2 cells match" in answer.err
    assert "choose one with --category" in answer.err
    for name in ("roc", "pr"):
        drawn = cli("plot", name, "--category", "tile", "--branches", "semantic,memory,max", "-o", f"{name}.svg")
        assert drawn.code == 0, drawn.err
        assert "memory, A" in (tmp_path / f"{name}.svg").read_text()


def test_plots_end_in_the_exit_codes_of_all_commands(cli, make_run, tmp_path):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}})
    cli("ingest", "runs")
    assert cli("plot", "fusion", "-o", "x.svg").code == 5
    assert cli("plot", "dumbbell", "--category", "nobody", "-o", "x.svg").code == 5
    assert cli("plot", "roc", "-o", "x.svg").code == 4
    wrong = cli("plot", "dumbbell", "-o", "x.bmp")
    assert wrong.code == 2
    assert ".svg, .pdf, .png, .html" in wrong.err
    assert cli("plot", "nobody", "-o", "x.svg").code == 2
    assert not list(tmp_path.glob("x.*"))


def test_the_script_loads_nothing_and_can_stand_in_a_page():
    script = chart_script()
    assert "vegaEmbed" in script
    assert "</script" not in script
    assert "importScripts(" not in script
