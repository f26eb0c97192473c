"""Variants against a reference: in the report, and by compare --variants."""

from __future__ import annotations

import json

import pytest
from measured_runs import Laboratory, both

from promptad_db.db.queries import variants

VARIANTS = [
    "task", "dataset", "variant", "branch", "cells", "left_out", "mean", "reference_mean", "delta", "wins", "ties",
    "losses", "weak_cells", "repaired", "kind", "supervision", "upper_bound",
]  # fmt: skip
REPAIRS = [
    "variant", "dataset", "category", "k_shot", "seed", "task", "reference_semantic", "reference_memory",
    "reference_gap", "semantic", "gap_left", "share_closed",
]  # fmt: skip


@pytest.fixture
def lab():
    return Laboratory()


def told(answer):
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def ask(cli, *arguments):
    """Index the runs, and answer the sections of a report or comparison."""
    assert cli("ingest", "runs").code == 0
    return told(cli(*(arguments or ("report", "--section", "variants,repairs")), "--format", "json"))


def row_of(rows, **wanted):
    (found,) = [row for row in rows if all(row[name] == value for name, value in wanted.items())]
    return found


def test_each_variant_and_branch_is_compared_with_baseline_cell_by_cell(cli, lab):
    lab.run({"tile": both(0.8, 0.9), "wood": both(0.9, 0.8), "grid": both(0.7, 0.75)})
    lab.run({"tile": both(0.9, 0.9), "wood": both(0.85, 0.8), "grid": both(0.7, 0.75)}, variant="spatial")
    found = ask(cli)
    assert list(found["variants"][0]) == VARIANTS
    row = row_of(found["variants"], branch="semantic")
    assert (row["task"], row["dataset"], row["variant"]) == ("seg", "mvtec", "spatial")
    assert (row["cells"], row["left_out"], row["wins"], row["ties"], row["losses"]) == (3, 0, 1, 1, 1)
    assert row["mean"] == pytest.approx((0.9 + 0.85 + 0.7) / 3)
    assert row["reference_mean"] == pytest.approx(0.8)
    assert row["delta"] == pytest.approx(0.05 / 3)
    memory = row_of(found["variants"], branch="memory")
    assert (memory["ties"], memory["delta"], memory["weak_cells"], memory["repaired"]) == (3, 0, None, None)
    assert [row["branch"] for row in found["variants"]] == ["semantic", "memory", "max"]


def test_a_cell_is_repaired_when_less_than_half_of_a_weak_gap_is_left(cli, lab):
    baseline = {"more": 0.75, "half": 0.75, "less": 0.75, "above": 0.75, "close": 0.9375, "better": 0.99}
    variant = {"more": 0.875, "half": 0.8125 + 0.03125, "less": 0.8, "above": 0.99, "close": 0.96, "better": 0.5}
    lab.run({category: {"semantic": value, "memory": 0.9375} for category, value in baseline.items()})
    lab.run({category: {"semantic": value, "memory": 0.9375} for category, value in variant.items()}, variant="v")
    found = ask(cli)
    assert [row["category"] for row in found["repairs"]] == ["above", "more"]
    assert list(found["repairs"][0]) == REPAIRS
    row = found["repairs"][1]
    assert (row["reference_gap"], row["gap_left"]) == (0.1875, 0.0625)
    assert row["share_closed"] == pytest.approx(2 / 3)
    semantic = row_of(found["variants"], branch="semantic")
    assert (semantic["weak_cells"], semantic["repaired"]) == (4, 2)


def test_a_memory_branch_that_became_worse_repairs_nothing(cli, lab):
    lab.run({"tile": {"semantic": 0.8, "memory": 0.9}})
    lab.run({"tile": {"semantic": 0.8, "memory": 0.8}}, variant="v")
    found = ask(cli)
    assert found["repairs"] == []
    assert row_of(found["variants"], branch="memory")["losses"] == 1


def test_min_gap_says_from_where_on_a_branch_is_weak(cli, lab):
    lab.run({"tile": {"semantic": 0.87, "memory": 0.9}, "wood": {"semantic": 0.9, "memory": 0.9}})
    lab.run({"tile": {"semantic": 0.9, "memory": 0.9}, "wood": {"semantic": 0.95, "memory": 0.9}}, variant="v")
    assert ask(cli)["repairs"] == []
    for command in (("report", "--section", "repairs"), ("compare", "--variants", "baseline,v")):
        assert ask(cli, *command)["repairs"] == []
        assert [row["category"] for row in ask(cli, *command, "--min-gap", "2")["repairs"]] == ["tile"]
        assert [row["category"] for row in ask(cli, *command, "--min-gap", "0")["repairs"]] == ["tile"]


def test_a_variant_without_a_semantic_branch_takes_part_with_its_memory(cli, lab):
    lab.run({"tile": both(0.8, 0.9)})
    lab.run({"tile": {"memory": 0.91}}, variant="memory_only")
    found = ask(cli)
    assert [row["branch"] for row in found["variants"]] == ["memory"]
    assert (found["variants"][0]["wins"], found["repairs"]) == (1, [])


def test_cells_of_one_side_alone_are_left_out_and_counted(cli, lab):
    lab.run({"tile": both(0.8, 0.9), "wood": both(0.7, 0.9), "grid": both(0.7, 0.9)})
    lab.run({"tile": both(0.9, 0.9), "zipper": both(0.9, 0.9), "grid": {"semantic": None, "memory": 0.9}}, variant="v")
    lab.run({"pcb1": both(0.9, 0.9)}, variant="v", dataset="visa")
    found = ask(cli)["variants"]
    row = row_of(found, dataset="mvtec", branch="semantic")
    assert (row["cells"], row["left_out"], row["mean"], row["reference_mean"]) == (1, 3, 0.9, 0.8)
    row = row_of(found, dataset="visa", branch="semantic")
    assert (row["cells"], row["left_out"], row["mean"], row["wins"]) == (0, 1, None, None)


def test_seeds_are_averaged_within_a_category_first_and_cells_counted_by_seed(cli, lab):
    for seed in (1, 2, None):
        lab.run({"tile": both(0.6, 0.9)}, seed=seed)
        lab.run({"tile": both(0.9, 0.9)}, seed=seed, variant="v")
    lab.run({"wood": both(0.8, 0.9)}, seed=1)
    lab.run({"wood": both(0.8, 0.9)}, seed=1, variant="v")
    row = row_of(ask(cli)["variants"], branch="semantic")
    assert (row["cells"], row["wins"], row["ties"], row["repaired"]) == (4, 3, 1, 3)
    assert row["delta"] == pytest.approx((0.3 + 0) / 2)


def test_a_difference_within_the_precision_is_a_tie(cli, lab):
    lab.run({"tile": {"memory": 0.9}, "wood": {"memory": 0.9}}, precision=1e-4)
    lab.run({"tile": {"memory": 0.90005}, "wood": {"memory": 0.9003}}, variant="v", precision=1e-4)
    row = row_of(ask(cli)["variants"], branch="memory")
    assert (row["wins"], row["ties"]) == (1, 1)


def test_the_latest_run_of_each_variant_counts(cli, lab):
    lab.run({"tile": both(0.5, 0.9)})
    lab.run({"tile": both(0.6, 0.9)}, variant="v")
    lab.run({"tile": both(0.8, 0.9)})
    lab.run({"tile": both(0.7, 0.9)}, variant="v")
    row = row_of(ask(cli)["variants"], branch="semantic")
    assert (row["mean"], row["reference_mean"], row["cells"]) == (0.7, 0.8, 1)
    assert "4 runs repeat each other" in cli("report", "--section", "variants").err


def test_variants_of_other_methods_and_experiments_are_no_rivals(cli, lab):
    lab.run({"tile": both(0.5, 0.9)}, method="one")
    lab.run({"tile": both(0.6, 0.9)}, method="other", variant="v")
    row = row_of(ask(cli)["variants"], branch="semantic")
    assert (row["cells"], row["left_out"]) == (0, 2)


def test_without_baseline_the_variant_that_ran_first_is_the_reference(cli, lab):
    lab.run({"tile": both(0.5, 0.9)}, variant="z")
    lab.run({"tile": both(0.6, 0.9)}, variant="a")
    assert row_of(ask(cli)["variants"], branch="semantic")["variant"] == "a"
    assert "The reference is z." in cli("report", "--section", "variants").out


def test_a_default_report_shows_variants_only_where_two_ran_the_same(cli, lab):
    lab.run({"tile": both(0.8, 0.9)})
    assert "variants" not in ask(cli, "report")
    lab.run({"tile": both(0.8, 0.9)}, variant="v", k_shot=2)
    assert "variants" not in ask(cli, "report")
    lab.run({"tile": both(0.81, 0.9)}, variant="v")
    found = ask(cli, "report")
    assert "variants" in found
    assert "repairs" not in found
    lab.run({"tile": both(0.9, 0.9)}, variant="w")
    assert "repairs" in ask(cli, "report")
    assert "variants" not in ask(cli, "report", "--variant", "v")


def test_a_lonely_variant_has_nothing_to_be_compared_with(cli, lab):
    lab.run({"tile": both(0.8, 0.9)})
    found = ask(cli)
    (note,) = found.pop("notes")
    assert note["note"].startswith("baseline is the only variant here")
    assert found == {"variants": [], "repairs": []}
    assert "baseline is the only variant here" in cli("report", "--section", "variants").err


def test_top_limits_the_repairs_of_a_report(cli, lab):
    lab.run({f"c{index:02}": both(0.5, 0.9) for index in range(12)})
    lab.run({f"c{index:02}": both(0.9, 0.9) for index in range(12)}, variant="v")
    assert len(ask(cli)["repairs"]) == 10
    assert len(ask(cli, "report", "--section", "repairs", "--top", "3")["repairs"]) == 3
    assert len(ask(cli, "compare", "--variants", "v")["repairs"]) == 12


def test_the_first_variant_named_is_the_reference_of_compare(cli, lab):
    lab.run({"tile": both(0.8, 0.9)})
    lab.run({"tile": both(0.7, 0.9)}, variant="v")
    lab.run({"tile": both(0.6, 0.9)}, variant="w")
    found = ask(cli, "compare", "--variants", "v,baseline,w", "--branch", "semantic")
    assert [(row["variant"], row["wins"], row["losses"]) for row in found["variants"]] == [
        ("baseline", 1, 0),
        ("w", 0, 1),
    ]


def test_one_variant_is_compared_with_baseline(cli, lab):
    lab.run({"tile": both(0.8, 0.9)})
    lab.run({"tile": both(0.7, 0.9)}, variant="v")
    found = ask(cli, "compare", "--variants", "v")
    assert list(found) == list(variants.SECTIONS)
    assert {row["variant"] for row in found["variants"]} == {"v"}
    assert row_of(found["variants"], branch="semantic")["losses"] == 1


def test_compare_says_how_the_protocols_of_variants_differ(cli, lab):
    lab.run({"tile": both(0.8, 0.9)}, selection="last_epoch")
    lab.run({"tile": both(0.7, 0.9)}, variant="v", selection="best_on_test")
    lab.run({"tile": both(0.7, 0.9)}, variant="w", selection="last_epoch")
    cli("ingest", "runs")
    for command in (("compare", "--variants", "baseline,v,w"), ("report", "--section", "variants")):
        said = cli(*command).err
        assert "v and baseline differ in selection" in said
        assert "w and baseline" not in said
        assert "several variants" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("compare", "--variants", "baseline"), 2, "only baseline"),
        (("compare", "--variants", "baseline,nobody"), 5, "nobody"),
        (("compare", "--variants", "baseline,elsewhere"), 5, "share no cell"),
        (("compare", "--variants", "baseline,v", "--branch", "nothing"), 5, "share no cell"),
        (("compare", "a", "b", "--variants", "baseline,v"), 2, "--variants"),
        (("compare", "a"), 2, "two names"),
        (("compare",), 2, "two names"),
    ],
)
def test_what_cannot_be_compared_says_why(cli, lab, arguments, code, word):
    lab.run({"tile": both(0.8, 0.9)})
    lab.run({"tile": both(0.7, 0.9)}, variant="v")
    lab.run({"wood": both(0.7, 0.9)}, variant="elsewhere")
    cli("ingest", "runs")
    answer = cli(*arguments)
    assert answer.code == code
    assert word in answer.err


def test_other_branches_are_compared_under_their_names(cli, lab):
    lab.run({"tile": both(0.8, 0.9)})
    lab.run({"tile": both(0.7, 0.95)}, variant="v")
    found = ask(cli, "report", "--section", "variants,repairs", "--branches", "memory,max", "--min-gap", "1")
    assert [row["branch"] for row in found["variants"]] == ["memory", "max"]
    assert list(found["repairs"][0])[6:8] == ["reference_memory", "reference_max"]


def test_baseline_counts_for_a_cell_that_several_variants_ran(cli, lab):
    lab.run({"tile": both(0.8, 0.9), "wood": both(0.8, 0.9)})
    lab.run({"tile": both(0.5, 0.9), "grid": both(0.6, 0.9)}, variant="v")
    found = ask(cli, "report", "--section", "summary,worst")
    assert found["summary"][0]["cells"] == 3
    assert found["summary"][0]["semantic_mean"] == pytest.approx((0.8 + 0.8 + 0.6) / 3)
    said = cli("report").err
    assert "1 cells have runs of several variants; baseline counts" in said
    assert "several variants: baseline 2, v 1" in said
    assert "several variants" not in cli("report", "--variant", "v").err
    only = ask(cli, "report", "--section", "summary", "--variant", "v")["summary"][0]
    assert only["semantic_mean"] == pytest.approx(0.55)


def test_of_baseline_runs_the_latest_counts_and_without_baseline_the_latest_variant(cli, lab):
    lab.run({"tile": both(0.5, 0.9)})
    lab.run({"tile": both(0.6, 0.9)})
    lab.run({"tile": both(0.7, 0.9)}, variant="a")
    lab.run({"tile": both(0.8, 0.9)}, variant="b")
    assert ask(cli, "report")["summary"][0]["semantic_mean"] == 0.6
    assert ask(cli, "report", "--variant", "a,b")["summary"][0]["semantic_mean"] == 0.8


def test_a_variant_with_both_branches_counts_before_baseline_with_one(cli, lab):
    lab.run({"tile": both(0.7, 0.9)}, variant="v")
    lab.run({"tile": {"memory": 0.4}})
    row = ask(cli, "report")["summary"][0]
    assert (row["cells"], row["left_out"], row["semantic_mean"], row["memory_mean"]) == (1, 0, 0.7, 0.9)


def test_two_branches_are_compared_in_the_runs_of_baseline(cli, lab):
    lab.run({"tile": both(0.8, 0.9)})
    lab.run({"tile": both(0.5, 0.6)}, variant="v")
    lab.run({"tile": {"memory": 0.4}}, variant="memory_only")
    total = ask(cli, "compare", "memory", "max")["totals"][0]
    assert (total["mean_a"], total["mean_b"]) == (0.9, 0.91)
