"""Two runs, experiments, variants or fusions against each other."""

from __future__ import annotations

import json


def told(answer):
    assert answer.code == 0, answer.err
    return json.loads(answer.out)


def test_two_fusions_are_compared_cell_by_cell(cli, gate_place):
    found = told(
        cli("compare", "memory", "max", "--task", "seg", "--format", "json", "--db", gate_place / "promptad.duckdb")
    )
    total = found["totals"][0]
    assert (total["cells"], total["wins"]) == (81, 64)
    assert round(100 * total["delta"], 2) == 1.61
    assert len(found["categories"]) == 27


def test_two_variants_are_compared_where_both_have_cells(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}, "wood": {"semantic": 0.5, "memory": 0.6}})
    make_run({"tile": {"semantic": 0.7, "memory": 0.6}}, variant="spatial")
    cli("ingest", "runs")
    answer = cli("compare", "baseline", "spatial", "--format", "json")
    rows = {row["branch"]: row for row in told(answer)["totals"]}
    assert (rows["semantic"]["wins"], rows["semantic"]["ties"], rows["semantic"]["losses"]) == (1, 0, 0)
    assert (rows["memory"]["wins"], rows["memory"]["ties"]) == (0, 1)
    assert "left out" in answer.err


def test_two_experiments_are_compared(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.6}}, experiment="one")
    make_run({"tile": {"semantic": 0.4, "memory": 0.6}}, experiment="two")
    cli("ingest", "runs")
    found = told(cli("compare", "one", "two", "--branch", "semantic", "--format", "json"))
    assert [row["losses"] for row in found["totals"]] == [1]


def test_two_runs_of_different_seeds_are_compared_by_category(cli, make_run):
    one = make_run({"tile": {"semantic": 0.5}}, seed=1)
    other = make_run({"tile": {"semantic": 0.75}}, seed=2)
    cli("ingest", "runs")
    found = told(cli("compare", one.name, other.name[-8:], "--format", "json"))
    assert found["totals"][0]["delta"] == 0.25


def test_a_comparison_across_protocols_says_so(cli, make_run):
    make_run({"tile": {"semantic": 0.5}}, variant="a", selection="last_epoch", protocol="one_class")
    make_run({"tile": {"semantic": 0.6}}, variant="b", selection="best_on_test", protocol="multi_class")
    cli("ingest", "runs")
    answer = cli("compare", "a", "b")
    assert "differ in protocol, selection" in answer.err


def test_a_name_that_may_be_two_things_needs_by(cli, make_run):
    for name in ("x", "y"):
        make_run({"tile": {"semantic": 0.5}}, experiment=name, variant=name)
    cli("ingest", "runs")
    answer = cli("compare", "x", "y")
    assert answer.code == 2
    assert "--by" in answer.err
    assert cli("compare", "x", "y", "--by", "variant", "--experiment", "x,y").code == 0


def test_unknown_names_and_unshared_cells_are_no_rows(cli, make_run):
    make_run({"tile": {"semantic": 0.5}}, variant="a")
    make_run({"wood": {"semantic": 0.5}}, variant="b")
    cli("ingest", "runs")
    assert cli("compare", "a", "nobody").code == 5
    answer = cli("compare", "a", "b")
    assert answer.code == 5
    assert "share no cell" in answer.err


BRANCHES = {"memory": 0.6, "gate": 0.7, "oracle": 0.9, "oracle_mine": 0.5}


def test_branches_of_a_comparison_say_what_they_are(cli, make_run):
    for name in ("one", "two"):
        make_run({"tile": BRANCHES}, experiment=name)
    cli("ingest", "runs")
    rows = {row["branch"]: row for row in told(cli("compare", "one", "two", "--format", "json"))["totals"]}
    assert (rows["oracle"]["upper_bound"], rows["oracle"]["supervision"]) == (True, "test labels")
    assert (rows["gate"]["kind"], rows["gate"]["upper_bound"]) == ("gate", False)
    assert (rows["oracle_mine"]["kind"], rows["oracle_mine"]["supervision"]) == ("base", None)
    for style in ("table", "md", "latex", "html"):
        text = cli("compare", "one", "two", "--format", style).out
        assert "upper bound: it chooses with the labels" in text
        assert text.replace("$\\dagger$", "†").count("oracle†") == 2
        assert "supervision" not in text


def test_two_branches_are_marked_each_by_itself(cli, make_run):
    make_run({"tile": BRANCHES}, experiment="one")
    cli("ingest", "runs")
    (row,) = told(cli("compare", "memory", "oracle", "--format", "json"))["totals"]
    assert (row["branch_a"], row["kind_a"], row["upper_bound_a"]) == ("memory", "base", False)
    assert (row["branch_b"], row["kind_b"], row["upper_bound_b"]) == ("oracle", "oracle", True)
    text = cli("compare", "gate", "oracle").out
    assert "gate‡, oracle†" in text
    assert "‡ supervised: it uses test labels of other categories" in text
    assert "branch a" not in text
    answer = cli("compare", "memory", "oracle", "--branch", "max", "--by", "variant")
    assert answer.code == 5


def test_notes_of_a_comparison_are_part_of_its_files(cli, make_run):
    make_run({"tile": {"semantic": 0.5}}, variant="a", protocol="one_class")
    make_run({"tile": {"semantic": 0.6}}, variant="b", protocol="multi_class")
    cli("ingest", "runs")
    words = "the two differ in protocol; their numbers may not be comparable"
    assert told(cli("compare", "a", "b", "--format", "json"))["notes"] == [{"note": words}]
    for style in ("md", "latex", "html"):
        assert words in cli("compare", "a", "b", "--format", style).out
