"""The report: the true story of the measured data, and the rules for numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest

from promptad_db import ingest

pytestmark = pytest.mark.usefixtures("tmp_path")

SUMMARY = [
    "task", "provenance", "cells", "left_out", "semantic_weaker", "memory_weaker", "ties",
    "semantic_mean", "memory_mean", "mean_gap", "mean_abs_gap", "median_abs_gap",
]  # fmt: skip
CELL = [
    "dataset", "category", "k_shot", "seed", "task", "semantic", "memory", "gap", "abs_gap", "weak_branch", "provenance",
]  # fmt: skip
FUSION = [
    "task", "rule", "cells", "mean", "gain_over_better_branch", "gain_over_memory", "cells_above_memory",
    "kind", "supervision", "upper_bound",
]  # fmt: skip


def sections(answer):
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_the_approx_report_prints_what_the_old_report_printed(cli, gate_place):
    answer = cli("report", "--task", "seg", "--provenance", "approx", "--db", gate_place / "promptad.duckdb")
    for text in ("61/81 (75.3 %)", "20/81 (24.7 %)", "66.99", "89.44", "36.04"):
        assert text in answer.out
    for text in ("31/36 (86.1 %)", "67.19", "91.79", "30/45 (66.7 %)", "66.83", "87.55"):
        assert text in answer.out
    assert "approx" in answer.err
    assert "fusion" not in answer.out


def test_the_worst_approx_cells_are_those_of_the_old_report(cli, gate_place):
    answer = cli(
        "report", "--task", "seg", "--provenance", "approx", "--format", "json", "--db", gate_place / "promptad.duckdb"
    )
    worst = sections(answer)["worst"]
    told = [(row["category"], row["k_shot"], round(100 * row["abs_gap"], 1)) for row in worst[:3]]
    assert told == [("carpet", 1, 86.6), ("leather", 4, 84.3), ("carpet", 4, 80.1)]
    assert (round(100 * worst[0]["semantic"], 1), round(100 * worst[0]["memory"], 1)) == (12.7, 99.4)


def test_the_seg_report_tells_the_true_story(cli, gate_place):
    answer = cli("report", "--task", "seg", "--db", gate_place / "promptad.duckdb")
    for text in ("56/81 (69.1 %)", "25/81 (30.9 %)", "90.83", "94.63", "5.57", "64/81 (79.0 %)", "+1.61"):
        assert text in answer.out


def test_the_reported_cls_report_has_one_tie(cli, gate_place):
    answer = cli(
        "report",
        "--task",
        "cls",
        "--provenance",
        "reported",
        "--format",
        "json",
        "--db",
        gate_place / "promptad.duckdb",
    )
    row = sections(answer)["summary"][0]
    assert (row["semantic_weaker"], row["memory_weaker"], row["ties"], row["cells"]) == (42, 38, 1, 81)
    assert [round(100 * row[name], 2) for name in ("semantic_mean", "memory_mean", "mean_abs_gap")] == [
        84.85,
        88.04,
        7.66,
    ]


def test_best_says_how_many_numbers_are_exact_and_how_many_reported(cli, gate_place):
    answer = cli("report", "--section", "summary", "--format", "json", "--db", gate_place / "promptad.duckdb")
    told = {row["task"]: row["provenance"] for row in sections(answer)["summary"]}
    assert told == {"cls": "10 exact, 71 reported", "seg": "reported"}


def test_json_has_the_columns_of_the_contract(cli, gate_place):
    told = sections(cli("report", "--format", "json", "--db", gate_place / "promptad.duckdb"))
    columns = {name: list(rows[0]) for name, rows in told.items()}
    assert columns["summary"] == SUMMARY
    assert columns["datasets"] == ["dataset", *SUMMARY]
    assert columns["k-shot"] == ["k_shot", *SUMMARY]
    assert columns["worst"] == columns["categories"] == CELL
    assert columns["fusion"] == FUSION
    assert columns["compare"] == [*SUMMARY, "abs_gap_ratio"]
    assert len(told["categories"]) == 54


def test_the_ratio_of_gaps_is_seg_over_cls(cli, gate_place):
    told = sections(
        cli("report", "--provenance", "reported", "--format", "json", "--db", gate_place / "promptad.duckdb")
    )
    cls, seg = told["compare"]
    assert seg["abs_gap_ratio"] == pytest.approx(seg["mean_abs_gap"] / cls["mean_abs_gap"], abs=1e-11)


@pytest.mark.parametrize("output_format", ["table", "md", "csv", "latex", "html"])
def test_every_format_prints_every_section(cli, gate_place, output_format):
    answer = cli("report", "--format", output_format, "--db", gate_place / "promptad.duckdb")
    assert answer.code == 0
    for name in ("summary", "datasets", "worst", "categories", "fusion", "compare", "paper"):
        assert name in answer.out


def test_other_branches_take_the_places_and_names(cli, gate_place):
    told = sections(
        cli("report", "--branches", "memory,max", "--format", "json", "--db", gate_place / "promptad.duckdb")
    )
    assert list(told["worst"][0])[5:7] == ["memory", "max"]
    assert "memory_weaker" in told["summary"][0]
    assert "max_mean" in told["summary"][0]
    assert "cells_above_max" in told["fusion"][0]


@pytest.mark.parametrize("branches", ["semantic", "max,max", "a,b,c"])
def test_branches_are_two_different_ones(cli, gate_place, branches):
    answer = cli("report", "--branches", branches, "--db", gate_place / "promptad.duckdb")
    assert answer.code == 2
    assert "--branches" in answer.err


def test_filters_narrow_the_selection(cli, gate_place):
    answer = cli(
        "report", "--dataset", "visa", "--category", "pcb1,pcb2", "--k-shot", "1", "--k-shot", "2", "--seed", "111",
        "--method", "PromptAD", "--variant", "baseline", "--section", "summary", "--format", "json",
        "--db", gate_place / "promptad.duckdb",
    )  # fmt: skip
    assert [row["cells"] for row in sections(answer)["summary"]] == [4, 4]


def test_one_section_as_csv_is_a_plain_file(cli, gate_place):
    answer = cli(
        "report", "--section", "worst", "--top", "3", "--format", "csv", "--db", gate_place / "promptad.duckdb"
    )
    lines = answer.out.splitlines()
    assert lines[0] == ",".join(CELL)
    assert len(lines) == 4


def test_min_gap_is_in_points(cli, gate_place):
    answer = cli(
        "report", "--section", "worst", "--task", "seg", "--top", "99", "--min-gap", "25", "--format", "json",
        "--db", gate_place / "promptad.duckdb",
    )  # fmt: skip
    gaps = [row["abs_gap"] for row in sections(answer)["worst"]]
    assert gaps
    assert min(gaps) >= 0.25


def test_an_unknown_section_is_wrong_usage(cli, gate_place):
    answer = cli("report", "--section", "gossip", "--db", gate_place / "promptad.duckdb")
    assert answer.code == 2
    assert "summary" in answer.err


def test_no_rows_is_an_exit_code_of_its_own(cli, gate_place):
    answer = cli("report", "--category", "unicorn", "--db", gate_place / "promptad.duckdb")
    assert answer.code == 5
    assert "unicorn" in answer.err
    assert answer.out == ""


def test_a_missing_database_names_the_command_that_makes_one(cli):
    answer = cli("report")
    assert answer.code == 3
    assert "promptad-db ingest" in answer.err


def test_the_report_goes_to_a_file_when_asked(cli, gate_place, tmp_path):
    answer = cli("report", "--format", "html", "-o", tmp_path / "r.html", "--db", gate_place / "promptad.duckdb")
    assert answer.out == ""
    assert "<table" in (tmp_path / "r.html").read_text()


def test_the_most_recent_experiment_is_taken_and_the_others_are_named(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}}, experiment="old", created_at="2024-01-01T00:00:00+00:00")
    make_run({"tile": {"semantic": 0.7, "memory": 0.6}}, experiment="new", created_at="2025-01-01T00:00:00+00:00")
    assert cli("ingest", "runs").code == 0
    answer = cli("report", "--format", "json")
    assert "new" in answer.err
    assert "old" in answer.err
    assert sections(answer)["summary"][0]["semantic_mean"] == 0.7
    assert sections(cli("report", "--experiment", "old", "--format", "json"))["summary"][0]["semantic_mean"] == 0.5


def test_the_latest_run_of_a_cell_counts_and_stderr_says_so(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}}, created_at="2024-01-01T00:00:00+00:00")
    make_run({"tile": {"semantic": 0.8, "memory": 0.6}}, created_at="2025-01-01T00:00:00+00:00")
    cli("ingest", "runs")
    answer = cli("report", "--format", "json")
    assert sections(answer)["summary"][0]["semantic_mean"] == 0.8
    assert sections(answer)["summary"][0]["cells"] == 1
    assert "the latest counts" in answer.err


def test_a_later_run_without_one_branch_does_not_hide_a_cell(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}}, created_at="2024-01-01T00:00:00+00:00")
    make_run({"tile": {"memory": 0.9}}, variant="memory_only", created_at="2025-01-01T00:00:00+00:00")
    cli("ingest", "runs")
    assert sections(cli("report", "--format", "json"))["summary"][0]["cells"] == 1


def test_undefined_and_missing_branches_are_left_out_and_counted(cli, make_run):
    make_run(
        {
            "tile": {"semantic": 0.5, "memory": 0.6},
            "wood": {"semantic": None, "memory": 0.9},
            "grid": {"memory": 0.9},
        }
    )
    cli("ingest", "runs")
    row = sections(cli("report", "--format", "json"))["summary"][0]
    assert (row["cells"], row["left_out"], row["memory_mean"]) == (1, 2, 0.6)


def test_seeds_are_averaged_within_a_category_first(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}, "wood": {"semantic": 0.9, "memory": 0.9}}, seed=1)
    make_run({"tile": {"semantic": 0.7, "memory": 0.6}}, seed=2)
    cli("ingest", "runs")
    told = sections(cli("report", "--format", "json"))
    row = told["summary"][0]
    assert row["cells"] == 3
    assert row["semantic_mean"] == pytest.approx((0.6 + 0.9) / 2)
    assert (row["semantic_weaker"], row["memory_weaker"], row["ties"]) == (1, 1, 1)
    paper = {row["branch"]: row for row in told["paper"]}
    assert paper["semantic"]["seeds"] == 2
    assert paper["semantic"]["mean"] == pytest.approx((0.6 + 0.9) / 2)
    assert paper["semantic"]["std"] == pytest.approx(np.std([0.5, 0.7], ddof=1))  # over tile, which both seeds have
    assert paper["semantic"]["std_leaves_out"] == 1


def test_a_difference_below_the_reported_precision_is_a_tie_and_says_so(cli, tmp_path):
    from promptad_db import run_folder
    from promptad_db.records import CategoryResult, Metric, RunInfo

    info = RunInfo("r1", "e", "m", "baseline", "seg", "mvtec", 1, 1, run_folder.now(), status="finished")
    folder = run_folder.create_run(tmp_path / "runs", info)
    for category, memory in (("tile", 0.90004), ("wood", 0.9001)):
        metrics = [
            Metric("pixel", "semantic", "auroc", 0.9, "reported", precision=1e-4),
            Metric("pixel", "memory", "auroc", memory, "reported", precision=1e-4),
        ]
        run_folder.write_category(folder, CategoryResult(category, metrics=metrics))
    cli("ingest", "runs")
    answer = cli("report", "--format", "json")
    row = sections(answer)["summary"][0]
    assert (row["ties"], row["semantic_weaker"]) == (1, 1)
    assert "precision" in answer.err


def test_runs_of_different_protocols_are_named_as_such(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}}, selection="last_epoch")
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}}, k_shot=2, selection="best_on_test")
    cli("ingest", "runs")
    assert "not comparable" in cli("report").err


def test_a_script_tag_as_a_category_is_shown_and_not_run(cli, make_run):
    make_run({"<script>alert(1)</script>": {"semantic": 0.5, "memory": 0.6}})
    cli("ingest", "runs")
    page = cli("report", "--format", "html").out
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


def test_an_escape_sequence_in_a_name_does_not_reach_the_terminal(cli, make_run):
    make_run({"ti\x1b[31mle": {"semantic": 0.5, "memory": 0.6}})
    cli("ingest", "runs")
    answer = cli("report")
    assert "\x1b" not in answer.out
    assert "\\x1b[31m" in answer.out


def test_reports_are_the_same_after_a_rebuild_byte_for_byte(cli, gate_place, tmp_path):
    database = tmp_path / "again.duckdb"
    assert cli("rebuild", gate_place / "runs", "--db", database).code == 0
    for arguments in (("report",), ("report", "--format", "json"), ("audit", "--format", "csv"), ("audit",)):
        one = cli(*arguments, "--db", gate_place / "promptad.duckdb")
        other = cli(*arguments, "--db", database)
        assert one.out == other.out
        assert one.code == other.code == 0


def test_a_reported_number_stands_in_where_the_exact_one_is_undefined(cli, log_run):
    from dataclasses import replace

    from promptad_db import run_folder
    from promptad_db.records import Metric

    folder = log_run("carpet", db=False)
    result = run_folder.read_category(folder, "carpet")
    result.metrics = [
        replace(metric, value=None, note="one class only") if metric.branch == "semantic" else metric
        for metric in result.metrics
    ]
    result.metrics += [Metric("pixel", name, "auroc", 0.25, "reported") for name in ("semantic", "memory")]
    run_folder.write_category(folder, result, replace_existing=True)
    cli("ingest", folder)
    cell = sections(cli("report", "--format", "json"))["worst"][0]
    assert (cell["semantic"], cell["provenance"]) == (0.25, "mixed")
    assert cell["memory"] != 0.25


@pytest.mark.parametrize(
    "name", ["it's", "a'; DROP TABLE runs; --", ":task %s %(x)s $1 ?", '"', "\\'", "日本", "line\nend"]
)
def test_filters_take_any_name_as_it_is(cli, make_run, name):
    ingest(make_run({"carpet": {"semantic": 0.8, "memory": 0.9}}, experiment=name, method=name, variant=name))
    ingest(make_run({"grid": {"semantic": 0.7, "memory": 0.6}}, experiment="other"))
    chosen = [option for flag in ("--experiment", "--method", "--variant") for option in (flag, name)]
    answer = cli("report", *chosen, "--section", "worst", "--format", "json")
    assert [row["category"] for row in json.loads(answer.out)["worst"]] == ["carpet"]
    assert cli("report", "--experiment", "other", "--variant", name).code == 5


def test_a_branch_that_does_not_exist_is_named_with_those_that_do(cli, make_run):
    ingest(make_run({"carpet": {"semantic": 0.8, "memory": 0.9, "max": 0.95}}))
    answer = cli("report", "--branches", "semantic,mox")
    assert answer.code == 5
    assert "mox" in answer.err
    assert "max, memory, semantic" in answer.err


@pytest.mark.parametrize(("option", "code"), [("--seed", 2), ("--k-shot", 2)])
def test_a_number_beyond_64_bits_is_wrong_usage(cli, make_run, option, code):
    ingest(make_run({"carpet": {"semantic": 0.8, "memory": 0.9}}))
    assert cli("report", option, 2**63).code == code
    assert cli("report", option, 2**63 - 1).code == 5
