"""Marks behind branches and values of a table, the footnotes that explain them, and which number is the best."""

import json
import re

import pytest
from test_report_formats import MISSING, PAPER_COLUMNS, PEOPLE, SMALL

from promptad_db.result_set import ResultSet, Section
from promptad_db.tables import Best, pivot_paper, render, render_rows

KINDS = ("kind", "supervision", "upper_bound")
FAIR = ("fusion", None, False)
ORACLE = ("oracle", "test labels", True)
GATE = ("gate", "test labels of other categories", False)
BY_TYPE = ("fusion", "defect types", False)


def named(*names, column="rule", section="fusion"):
    """A section without kinds, a row a branch."""
    return Section(section, "", ResultSet((column, "mean"), [(name, 0.9) for name in names], {"mean": "auroc"}))


def rules_of(section):
    """The names that people see."""
    return [line.split("|")[1].strip() for line in render((section,), "md").splitlines() if line.startswith("| ")][2:]


@pytest.mark.parametrize("column", ["branch", "rule", "gate", "contender"])
@pytest.mark.parametrize("section", ["fusion", "reference", "totals", "significance", "a new one"])
def test_branches_are_marked_by_what_their_rows_say_and_not_by_their_names(column, section):
    rows = [("oracle", *FAIR), ("mine", *ORACLE), ("other", *GATE), ("gate", "base", None, False), ("hard", *BY_TYPE)]
    marked = Section(section, "", ResultSet((column, *KINDS), rows))
    assert rules_of(marked) == ["oracle", "mine†", "other‡", "gate", "hard§"]
    for style in PEOPLE:
        text = render((marked,), style)
        assert "upper bound" in text
        assert "it uses test labels of other categories" in text
        assert "it uses defect types" in text
        assert "supervision" not in text
    assert render((marked,), "csv").splitlines()[0] == f"{column},kind,supervision,upper_bound"
    assert json.loads(render((marked,), "json"))[section][1]["upper_bound"] is True


def test_a_row_that_says_nothing_is_what_the_reserved_name_of_its_branch_says():
    marked = ("oracle", "oracle_minmax", "oracle_zscore_normal", "reported_oracle", "gate", "gate_hard_rank", "by_type")
    fair = ("max", "rank_mean", "gate_mine", "oracle_mine", "oracles", "my_oracle", "gate_rank_mine", "minmax", None)
    assert rules_of(named(*marked)) == [
        *(
            "oracle†",
            "oracle_minmax†",
            "oracle_zscore_normal†",
            "reported_oracle†",
            "gate‡",
            "gate_hard_rank‡",
            "by_type§",
        )
    ]
    assert rules_of(named(*fair)) == [*fair[:-1], MISSING]
    assert "†" not in render((named(*fair),), "html")


def test_a_bare_result_is_shown_as_it_was_asked_for():
    result = ResultSet(("branch", *KINDS), [("oracle", *ORACLE)])
    assert render_rows(result, "md").splitlines()[0] == "| branch | kind | supervision | upper bound |"
    assert "†" not in render_rows(result, "md")


def test_footnotes_stand_once_below_their_own_table():
    text = render((named("oracle", "reported_oracle"), named("max", section="compare")), "table")
    assert text.count("† upper bound") == 1
    assert text.index("† upper bound") < text.index("compare")
    assert "footnotesize $\\dagger$ upper bound" in render((named("oracle"),), "latex")
    assert '<p class="footnote">† upper bound' in render((named("oracle"),), "html")


def paper_of(*rows, columns=()):
    """A paper table of one column: rows of (branch, mean, values of the other columns)."""
    long = [("seg", "e", "m", "baseline", name, "visa", 1, 1, 12, mean, None, *more) for name, mean, *more in rows]
    return Section("paper", "Mean AUROC over categories.", ResultSet((*PAPER_COLUMNS, *columns), long))


def bold(section):
    return [row[-2] for row in pivot_paper(section).result.rows if isinstance(row[-1], Best)]


def test_the_best_fair_branch_is_bold_and_no_supervised_one_or_upper_bound():
    branches = ("max", 0.91, *FAIR), ("gate", 0.95, *GATE), ("by_type", 0.96, *BY_TYPE), ("upper", 0.99, *ORACLE)
    assert bold(paper_of(*branches, columns=KINDS)) == ["max"]
    assert bold(paper_of(("gate", 0.95), ("max", 0.91), ("oracle_rank", 0.99), ("by_type", 0.97))) == ["max"]
    assert bold(paper_of(("gate", 0.95), ("oracle", 0.99))) == []
    assert bold(paper_of(("gate_mine", 0.95), ("max", 0.91))) == ["gate_mine"]


@pytest.mark.parametrize("style", PEOPLE)
def test_estimates_are_never_bold_and_the_paper_says_what_they_are(style):
    text = render((paper_of(("max", 0.9, "approx"), ("mean", 0.8, "approx"), columns=("provenance",)),), style)
    assert "Mean AUROC" not in text
    assert "not measured AUROCs" in text
    assert re.search(r"90\.00(\\\*|\{\*\}|\*)", text)
    assert not re.search(r"\*\*90|textbf|<strong>9", text)


def test_estimates_of_other_sections_are_marked_at_their_provenance():
    worst = ResultSet(("category", "semantic", "provenance"), [("tile", 0.5, "approx"), ("wood", 0.6, "exact")])
    text = render((Section("worst", "The cells with the largest gap.", worst),), "table")
    assert "approx*" in text
    assert "exact*" not in text
    assert "* approx: estimated from score means" in text
    assert text.startswith("worst — The cells with the largest gap.\n")
    estimates = Section("worst", "The cells with the largest gap.", ResultSet(worst.columns, worst.rows[:1]))
    assert (
        render((estimates,), "latex").count("These are estimates from score means (approx), not measured AUROCs.") == 1
    )
    assert "*" not in render((estimates,), "csv")


def test_the_paper_marks_reported_numbers_beside_exact_ones_and_epochs_chosen_on_the_test_set():
    columns = ("provenance", "selection", "protocol")
    rows = [("max", 0.95, "reported", "best_on_test", "multi_class"), ("mean", 0.9, "exact", "last_epoch", "one_class")]
    mixed = paper_of(*rows, columns=columns)
    assert [row[-1] for row in pivot_paper(mixed).result.rows] == ["95.00¶‖#", "90.00"]
    assert bold(mixed) == ["mean"]
    alike = paper_of(("max", 0.95, "reported", "best_on_test", "one_class"), columns=columns)
    assert bold(alike) == ["max"]
    text = render((alike,), "md")
    assert "**95.00**" in text
    assert "All numbers are reported" in text
    assert "All numbers are best_on_test: the epoch was chosen by test AUROC" in text
    assert "multi_class" not in text
    assert "# multi_class: one model for all categories" in render((mixed,), "table")


def test_notes_are_part_of_the_formats_that_are_read_without_a_terminal():
    notes = ["the runs differ in protocol", "5 % of <b>"]
    assert json.loads(render((SMALL,), "json", notes=notes)) == {
        "small": [{"n": 1}],
        "notes": [{"note": text} for text in notes],
    }
    assert "## notes\n\n- the runs differ in protocol\n- 5 % of &lt;b&gt;\n" in render((SMALL,), "md", notes=notes)
    latex = render((SMALL,), "latex", notes=["one\nline", *notes]).splitlines()
    assert latex[1:4] == ["% note: one line", "% note: the runs differ in protocol", "% note: 5 % of <b>"]
    assert "<li>5 % of &lt;b&gt;</li>" in render((SMALL,), "html", notes=notes)
    for style in ("csv", "table"):
        assert render((SMALL,), style, notes=notes) == render((SMALL,), style)
    assert list(json.loads(render((Section("notes", "", SMALL.result),), "json", notes=notes))) == ["notes", "notes_1"]
