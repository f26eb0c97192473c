"""The audit: the old estimate beside the truth."""

from __future__ import annotations

import json

import numpy as np
import pytest

from promptad_db import start_run


def audited(answer):
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_the_audit_finds_what_the_old_report_got_wrong(cli, gate_place):
    told = audited(cli("audit", "--format", "json", "--db", gate_place / "promptad.duckdb"))
    assert told["cells"] == 81
    assert round(100 * told["sign_agreement"], 1) == 71.6
    assert round(100 * told["max_error"], 2) == 86.35
    assert (told["max_error_cell"]["category"], told["max_error_cell"]["k_shot"]) == ("carpet", 1)
    assert round(100 * told["mean_error_semantic"], 2) == 25.69
    assert round(100 * told["mean_error_memory"], 2) == 7.13
    assert told["rank_correlation"] == pytest.approx(0.41795392953929533)
    assert len(told["cells_detail"]) == 81


def test_the_audit_says_which_conclusions_flip(cli, gate_place):
    told = audited(cli("audit", "--format", "json", "--db", gate_place / "promptad.duckdb"))
    by_name = {row["conclusion"]: row for row in told["conclusions"]}
    ratio = by_name["gap of seg over gap of cls"]
    assert ratio["flips"]
    assert ratio["by_the_estimate"] == "4.71"
    just_memory = by_name["seg: is max just memory?"]
    assert just_memory["flips"]
    assert "64/81" in just_memory["in_truth"]
    assert "+1.61" in just_memory["in_truth"]
    assert not by_name["seg: the weaker branch"]["flips"]


def test_the_printed_audit_holds_the_figures(cli, gate_place):
    answer = cli("audit", "--db", gate_place / "promptad.duckdb")
    for text in ("71.60", "25.69", "7.13", "86.35", "carpet K=1", "64/81", "+1.61"):
        assert text in answer.out
    assert "stored" in answer.err


def test_the_audit_computes_estimates_from_the_runs_own_score_means(cli, log_run):
    log_run("carpet", "tile", experiment="own")
    told = audited(cli("audit", "--format", "json"))
    assert told["cells"] == 2
    detail = told["cells_detail"][0]
    stats = json.loads(
        cli(
            "sql", "--format", "json",
            f"SELECT branch, mean FROM branch_stats WHERE level = 'pixel' AND category = '{detail['category']}'",
        ).out
    )  # fmt: skip
    means = {row["branch"]: row["mean"] for row in stats}
    larger = max(means["semantic"], means["memory"])
    for branch in ("semantic", "memory"):
        assert detail[f"{branch}_estimate"] == pytest.approx(detail["max_auroc"] * means[branch] / larger, abs=1e-11)


def test_the_rank_correlation_is_that_of_scipy(cli, gate_place):
    from scipy.stats import spearmanr

    told = audited(cli("audit", "--format", "json", "--db", gate_place / "promptad.duckdb"))
    gaps = np.array([(row["gap_estimate"], row["gap"]) for row in told["cells_detail"]])
    assert told["rank_correlation"] == pytest.approx(spearmanr(gaps[:, 0], gaps[:, 1])[0], abs=1e-10)


def test_computed_estimates_can_be_forced(cli, gate_place):
    told = audited(cli("audit", "--estimate", "computed", "--format", "json", "--db", gate_place / "promptad.duckdb"))
    assert told["cells"] == 10
    assert {row["task"] for row in told["cells_detail"]} == {"cls"}


def test_an_audit_without_estimates_says_where_they_come_from(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}})
    cli("ingest", "runs")
    answer = cli("audit")
    assert answer.code == 5
    assert "score means" in answer.err


def test_csv_holds_every_audited_cell(cli, gate_place):
    answer = cli("audit", "--format", "csv", "--db", gate_place / "promptad.duckdb")
    cells = answer.out.split("# cells\n")[1].strip().splitlines()
    assert len(cells) == 82


def test_the_estimates_are_those_of_the_variant_whose_cells_count(cli, make_run):
    from promptad_db import run_folder
    from promptad_db.records import CategoryResult, Metric

    for variant, estimate, month in (("v", 0.6, 1), ("baseline", 0.5, 2), ("v", 0.7, 3)):
        folder = make_run({}, variant=variant, created_at=f"2026-0{month}-01T00:00:00+00:00")
        metrics = [Metric("pixel", branch, "auroc", 0.9, "reported") for branch in ("semantic", "memory")]
        metrics += [Metric("pixel", branch, "auroc", estimate, "approx") for branch in ("semantic", "memory")]
        run_folder.write_category(folder, CategoryResult("tile", metrics=metrics))
    cli("ingest", "runs")
    for options, estimate in (((), 0.5), (("--variant", "v"), 0.7)):
        found = json.loads(cli("audit", *options, "--format", "json").out)
        assert [cell["semantic_estimate"] for cell in found["cells_detail"]] == [estimate]


def test_a_branch_that_scores_nothing_is_estimated_at_zero(cli):
    branches = {"semantic": np.zeros(4), "memory": np.arange(4.0)}
    with start_run(dataset="mvtec", task="cls", k_shot=1, seed=1, method="m") as run:
        run.log_category("tile", images=list("abcd"), branches=branches, labels=[0, 0, 1, 1])
    (cell,) = audited(cli("audit", "--format", "json"))["cells_detail"]
    assert (cell["semantic_estimate"], cell["memory_estimate"], cell["max_auroc"]) == (0, 1, 1)


def test_an_audit_of_four_cells_is_that_by_hand(cli, make_run):
    from promptad_db import run_folder
    from promptad_db.records import CategoryResult, Metric

    # Of each cell the true semantic, memory and max, and the estimates of semantic and memory.
    cells = {
        ("seg", "mvtec"): {"tile": (0.8, 0.9, 0.95, 0.9, 0.5), "wood": (0.7, 0.9, 0.9, 0.55, 0.9)},
        ("seg", "visa"): {"pcb1": (0.9, 0.8, 0.85, 0.9, 0.8)},
        ("cls", "mvtec"): {"carpet": (0.5, 0.7, 0.6, 0.5, 0.7)},
    }  # fmt: skip
    for (task, dataset), categories in cells.items():
        folder = make_run({}, task=task, dataset=dataset)
        level = "pixel" if task == "seg" else "image"
        for category, numbers in categories.items():
            kinds = [(name, "reported") for name in ("semantic", "memory", "max")]
            kinds += [(name, "approx") for name in ("semantic", "memory")]
            metrics = [
                Metric(level, branch, "auroc", value, provenance)
                for (branch, provenance), value in zip(kinds, numbers, strict=True)
            ]
            run_folder.write_category(folder, CategoryResult(category, metrics=metrics))
    cli("ingest", "runs")
    told = audited(cli("audit", "--format", "json"))
    assert [cell["category"] for cell in told["cells_detail"]] == ["tile", "wood", "carpet", "pcb1"]
    assert (told["cells"], told["sign_agreement"]) == (4, 0.75)
    assert (told["mean_error_semantic"], told["mean_error_memory"]) == pytest.approx((0.0625, 0.1))
    assert told["max_error"] == pytest.approx(0.4)
    assert (told["max_error_cell"]["category"], told["max_error_cell"]["branch"]) == ("tile", "memory")
    assert told["rank_correlation"] == pytest.approx(7 / np.sqrt(90))
    assert [tuple(row.values()) for row in told["conclusions"]] == [
        ("cls: the weaker branch", "semantic, in 1/1 cells", "semantic, in 1/1 cells", False),
        ("cls, mvtec: the weaker branch", "semantic, in 1/1 cells", "semantic, in 1/1 cells", False),
        ("cls: the mean absolute gap", "20.00 points", "20.00 points", None),
        ("cls: is max just memory?", "yes, in 1/1 cells", "above it only in 0/1 cells, -10.00 points", False),
        ("seg: the weaker branch", "memory, in 2/3 cells", "semantic, in 2/3 cells", True),
        ("seg, mvtec: the weaker branch", "neither, in 1/2 cells", "semantic, in 2/2 cells", True),
        ("seg, visa: the weaker branch", "memory, in 1/1 cells", "memory, in 1/1 cells", False),
        ("seg: the mean absolute gap", "28.33 points", "13.33 points", None),
        ("seg: is max just memory?", "no, only in 1/3 cells", "no: above it in 2/3 cells, +3.33 points", False),
        ("gap of seg over gap of cls", "1.42", "0.67", True),
    ]
