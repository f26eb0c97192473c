"""What a number is stands beside it, from the database to every format: upper bound, supervised, estimate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from measured_runs import Laboratory
from test_significance import IMAGES, LABELS, scores_of

from promptad_db import ingest, report, start_run
from promptad_db.db.queries.plot_data import plot_data
from promptad_db.db.queries.selection import Filters
from promptad_db.plots import alt_text

AUROCS = {
    "semantic": 0.7, "memory": 0.8, "max": 0.81, "gate": 0.9, "gate_hard_rank": 0.89, "by_type": 0.88, "oracle": 0.99,
    "oracle_rank": 0.98, "reported_oracle": 0.97, "gate_mine": 0.5, "oracle_mine": 0.4,
}  # fmt: skip
SUPERVISED = ("gate‡", "gate_hard_rank‡", "by_type§", "oracle†", "oracle_rank†", "reported_oracle†")
DAGGERS = {r"$\dagger$": "†", r"$\ddagger$": "‡", r"\S{}": "§", r"\_": "_"}


def shown(text):
    for command, symbol in DAGGERS.items():
        text = text.replace(command, symbol)
    return text


@pytest.fixture
def measured(tmp_path):
    Laboratory().run({"tile": AUROCS, "wood": AUROCS}, dataset="mvtec")
    ingest("runs", db="promptad.duckdb")
    return tmp_path / "promptad.duckdb"


@pytest.mark.parametrize("style", ["table", "md", "latex", "html"])
@pytest.mark.parametrize("section", ["fusion", "paper", "significance", "reference"])
def test_supervised_rules_and_upper_bounds_are_marked_in_every_section_and_format(cli, measured, section, style):
    text = shown(cli("report", "--section", section, "--format", style).out)
    for name in SUPERVISED:
        assert name in text, name
    for name in ("max", "gate_mine", "oracle_mine"):
        assert name in text
        assert not any(f"{name}{symbol}" in text for symbol in "†‡§")
    assert "† upper bound" in text
    assert "‡ supervised: it uses test labels of other categories" in text
    assert "§ supervised: it uses defect types" in text


def test_the_paper_prints_the_best_fair_branch_bold_and_no_gate(cli, measured):
    text = cli("report", "--section", "paper", "--format", "latex").out
    assert text.count("textbf") == 1
    assert r"max & \textbf{81.00}" in text
    assert "81.00</strong>" in cli("report", "--section", "paper", "--format", "html").out
    assert "**81.00**" in cli("report", "--section", "paper", "--format", "md").out


@pytest.mark.parametrize("style", ["table", "md", "latex", "html"])
@pytest.mark.parametrize("section", ["paper", "summary", "worst", "categories"])
def test_estimates_are_never_called_aurocs(cli, gate_place, section, style):
    answer = cli(
        "report",
        "--section",
        section,
        "--provenance",
        "approx",
        "--format",
        style,
        "--db",
        gate_place / "promptad.duckdb",
    )
    assert "not measured AUROCs" in answer.out
    assert "textbf" not in answer.out
    assert "Mean AUROC" not in answer.out
    assert "approx: guessed from score means" in answer.out or style == "table"


def test_every_row_of_estimates_says_so(cli, gate_place):
    command = ("--provenance", "approx", "--format", "json", "--db", gate_place / "promptad.duckdb")
    made = json.loads(cli("report", "--section", "paper,worst,summary", *command).out)
    for name in ("paper", "worst", "summary"):
        assert {row["provenance"] for row in made[name]} == {"approx"}, name
    made = json.loads(cli("compare", "semantic", "memory", *command).out)
    assert {row["provenance"] for row in made["totals"]} == {"approx"}


def test_a_report_of_an_upper_bound_says_so_in_its_notes(cli, measured):
    answer = cli("report", "--branches", "memory,oracle_rank", "--section", "summary", "--format", "json")
    words = "oracle_rank: upper bound: it chooses with the labels of the test images"
    assert f"note: {words}" in answer.err
    assert {"note": words} in json.loads(answer.out)["notes"]
    assert "upper bound" not in cli("report", "--branches", "memory,oracle_mine", "--section", "summary").err


def logged(**kinds):
    """A run whose branches are declared to be something, of other names than the reserved ones."""
    branches = {name: scores_of(seed, 1.0) for seed, name in enumerate(("memory", "oracle", "mine"))}
    given = {"dataset": "mvtec", "task": "cls", "k_shot": 1, "seed": 1, "method": "m", "fusions": ()}
    with start_run(**given, branch_kinds=kinds) as run:
        for category in ("tile", "wood"):
            run.log_category(category, images=IMAGES, branches=branches, labels=LABELS)


def test_charts_mark_what_a_run_says_its_branches_are_and_not_what_they_are_called(cli):
    logged(oracle="base", mine="oracle")
    filters = Filters(branches=("oracle", "mine"))
    for name in ("dumbbell", "gap-heatmap", "fusion"):
        text = alt_text(name, plot_data("promptad.duckdb", name, filters))
        assert "mine†" in text or name == "fusion", name
        assert "oracle†" not in text
    assert cli("plot", "roc", "--category", "tile", "--branches", "oracle,mine", "-o", "roc.html").code == 0
    page = Path("roc.html").read_text("utf-8")
    assert "mine† AUROC" in page
    assert "oracle†" not in page


def test_a_notebook_shows_tables_with_their_footnotes_and_notes(measured):
    text = report(measured, Filters(branches=("memory", "oracle")), sections=("fusion",))._repr_markdown_()
    assert "| seg | gate‡ |" in text
    assert "‡ supervised" in text
    assert "- oracle: upper bound" in text


def test_the_web_app_marks_and_explains_too(cli, measured):
    pytest.importorskip("starlette", reason="the extra ui is not installed")
    from starlette.testclient import TestClient

    from promptad_db.ui.app import create_app

    client = TestClient(create_app(measured, Path("runs")), base_url="http://localhost")
    run_id = next(Path("runs").glob("*/run.json")).parent.name
    for page in (
        "/report?section=paper",
        "/report?section=fusion",
        "/compare?a=memory&b=oracle_rank&by=branch",
        f"/cell?run={run_id}&category=tile",
    ):
        text = client.get(page).text
        assert "oracle_rank†" in text, page
        assert "† upper bound" in text
        assert "oracle_mine†" not in text
    chart = client.get("/chart.json?name=fusion").json()
    assert "oracle_rank†" in json.dumps(chart["spec"], ensure_ascii=False)
    assert "† upper bound" in chart["alt_text"]


def test_the_paper_says_where_its_numbers_come_from_and_how_they_were_selected(cli):
    lab = Laboratory()
    lab.run({"tile": {"max": 0.9}}, variant="fixed", selection="last_epoch")
    for seed, selection in ((111, "best_on_test"), (112, "last_epoch")):
        lab.run({"tile": {"max": 0.95}}, variant="chosen", selection=selection, protocol="multi_class", seed=seed)
    ingest("runs", db="promptad.duckdb")
    rows = json.loads(cli("report", "--section", "paper", "--format", "json").out)["paper"]
    sources = {row["variant"]: (row["provenance"], row["selection"], row["protocol"]) for row in rows}
    assert sources == {
        "fixed": ("reported", "last_epoch", "one_class"),
        "chosen": ("reported", "partly best_on_test", "multi_class"),
    }
    text = cli("report", "--section", "paper", "--format", "md").out
    assert "95.00 ± 0.00‖#" in text
    assert "**90.00**" in text
    assert "All numbers are reported: taken from a file" in text
    assert "‖ best_on_test: the epoch was chosen by test AUROC, in part or whole" in text
