"""The section cost: measured time that memory alone saves, beside the AUROC that it gives up."""

from __future__ import annotations

import json

import numpy as np
import pytest
from measured_runs import TIMINGS, Laboratory, both

from promptad_db import start_run

COST = [
    "task", "dataset", "cells", "left_out", "images", "both_ms", "memory_alone_ms", "semantic_alone_ms", "time_saved",
    "max_mean", "memory_mean", "semantic_mean", "given_up",
]  # fmt: skip


@pytest.fixture
def lab():
    return Laboratory()


def cost(cli, *arguments):
    assert cli("ingest", "runs").code == 0
    answer = cli("report", "--section", "cost", *arguments, "--format", "json")
    assert answer.code == 0, answer.err
    return json.loads(answer.out)["cost"]


def test_what_a_branch_costs_is_the_sum_of_its_stages_an_image(cli, lab):
    lab.run({"tile": both(0.8, 0.9)}, timings=TIMINGS)
    (row,) = cost(cli)
    assert list(row) == COST
    assert (row["task"], row["dataset"], row["cells"], row["left_out"], row["images"]) == ("seg", "mvtec", 1, 0, 10)
    assert row["both_ms"] == pytest.approx(100 * (1.0 + 0.2 + 0.4 + 0.05))
    assert row["memory_alone_ms"] == pytest.approx(100 * (1.0 - 0.25 + 0.4))
    assert row["semantic_alone_ms"] == pytest.approx(100 * (1.0 + 0.2))
    assert row["time_saved"] == pytest.approx(1 - 1.15 / 1.65)
    assert (row["max_mean"], row["memory_mean"], row["semantic_mean"]) == (0.91, 0.9, 0.8)
    assert row["given_up"] == pytest.approx(0.01)


def test_times_are_weighted_by_images_and_aurocs_by_cells(cli, lab):
    lab.run({"tile": both(0.8, 0.9)}, timings={"encode": 1.0, "text": 0.0, "memory": 0.0}, images=10)
    lab.run({"wood": both(0.6, 0.7)}, timings={"encode": 6.0, "text": 0.0, "memory": 0.0}, images=30)
    (row,) = cost(cli)
    assert (row["images"], row["both_ms"]) == (40, 175)
    assert row["memory_mean"] == pytest.approx(0.8)


def test_seeds_are_averaged_within_a_category_first(cli, lab):
    for seed, memory in ((1, 0.6), (2, 0.8)):
        lab.run({"tile": both(0.5, memory)}, timings=TIMINGS, seed=seed)
    lab.run({"wood": both(0.5, 0.9)}, timings=TIMINGS, seed=1)
    (row,) = cost(cli)
    assert (row["cells"], row["images"]) == (3, 30)
    assert row["memory_mean"] == pytest.approx((0.7 + 0.9) / 2)


def test_without_the_semantic_part_of_the_encoder_none_of_it_counts_as_saved(cli, lab):
    lab.run({"tile": both(0.8, 0.9)}, timings={"encode": 1.0, "text": 0.5, "memory": 0.5})
    (row,) = cost(cli)
    assert (row["both_ms"], row["memory_alone_ms"], row["time_saved"]) == (200, 150, 0.25)


def test_cells_that_were_not_timed_or_have_no_auroc_are_left_out_and_counted(cli, lab):
    lab.run({"tile": both(0.8, 0.9)}, timings=TIMINGS)
    lab.run({"wood": both(0.1, 0.2)})
    lab.run({"grid": both(0.1, 0.2)}, timings={"encode": 1.0})
    lab.run({"cable": {"semantic": None, "memory": 0.9, "max": 0.9}, "screw": {"memory": 0.9}}, timings=TIMINGS)
    lab.run({"pcb1": both(0.1, 0.2)}, timings=TIMINGS, images=0, dataset="visa")
    first, second = cost(cli)
    assert (first["cells"], first["left_out"], first["memory_mean"]) == (1, 4, 0.9)
    assert (second["cells"], second["left_out"], second["images"]) == (0, 1, 0)
    assert [second[name] for name in COST[5:]] == [None] * 8


def test_memory_alone_may_be_the_better_one_and_nothing_may_cost_anything(cli, lab):
    lab.run({"tile": {"semantic": 0.5, "memory": 0.9, "max": 0.7}}, timings={"encode": 0, "text": 0, "memory": 0})
    (row,) = cost(cli)
    assert row["given_up"] == pytest.approx(-0.2)
    assert (row["both_ms"], row["time_saved"]) == (0, None)


def test_of_several_variants_the_cost_of_baseline_counts_unless_another_is_asked_for(cli, lab):
    lab.run({"tile": both(0.8, 0.9)}, timings=TIMINGS)
    lab.run({"tile": both(0.8, 0.9)}, timings=TIMINGS | {"text": 1.2}, variant="v")
    assert cost(cli)[0]["semantic_alone_ms"] == pytest.approx(120)
    assert cost(cli, "--variant", "v")[0]["semantic_alone_ms"] == pytest.approx(220)


def test_other_branches_leave_the_section_as_it_is(cli, lab):
    lab.run({"tile": both(0.8, 0.9)}, timings=TIMINGS)
    assert cost(cli, "--branches", "memory,max") == cost(cli)


def test_a_default_report_shows_the_cost_only_where_a_run_was_timed(cli, lab):
    lab.run({"tile": both(0.8, 0.9)})
    cli("ingest", "runs")
    assert "cost" not in json.loads(cli("report", "--format", "json").out)
    assert cost(cli)[0]["left_out"] == 1
    lab.run({"tile": both(0.8, 0.9)}, timings=TIMINGS)
    cli("ingest", "runs")
    assert json.loads(cli("report", "--format", "json").out)["cost"][0]["cells"] == 1


def test_timings_of_the_python_api_are_counted(cli):
    random = np.random.default_rng(0)
    with start_run(dataset="mvtec", task="cls", k_shot=1, seed=1, method="m", experiment="e") as run:
        branches = {name: random.random(8) for name in ("semantic", "memory")}
        timings = {"encode": 0.8, "encode_semantic": 0.4, "text": 0.4, "memory": 0.4}
        images = [str(index) for index in range(8)]
        run.log_category("tile", images=images, branches=branches, labels=[0, 1] * 4, timings=timings)
    (row,) = cost(cli)
    assert (row["task"], row["images"], row["time_saved"]) == ("cls", 8, 0.5)
    assert row["both_ms"] == pytest.approx(200)
