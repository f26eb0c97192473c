"""The report layer: one golden file a format, and what each format promises about numbers, names and widths."""

import csv
import io
import json
import math
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from promptad_db.errors import UsageError
from promptad_db.result_set import ResultSet, Section
from promptad_db.tables import FORMATS, Best, pivot_paper, render, render_rows

ROOT = Path(__file__).parents[1]
GOLDEN = Path(__file__).parent / "golden" / "report_formats"
REWRITE = "PROMPTAD_DB_REWRITE_GOLDEN"  # set it to write the golden files anew, then read the difference
ENDINGS = {"table": "txt", "md": "md", "csv": "csv", "json": "json", "latex": "tex", "html": "html"}
MISSING = "\u2013"  # an en dash
PEOPLE = ("table", "md", "latex", "html")
HOSTILE = "<script>alert(1)</script>|a\\b|\x1b[31m[red]x[/red]\nnew_line 5% {$#&~^}\x9b\u202e"

SUMMARY = Section(
    "summary",
    "one row a task: which branch is weaker, and by how much",
    ResultSet(
        (
            *("task", "provenance", "cells", "left_out", "semantic_weaker", "memory_weaker", "ties"),
            *("semantic_mean", "memory_mean", "mean_gap", "mean_abs_gap", "median_abs_gap"),
        ),
        [
            ("cls", "exact", 81, 0, 33, 46, 2, 0.9134, 0.9021, -0.0113, 0.0512, 0.034),
            ("seg", "exact", 81, 0, 56, 25, 0, 0.9083, 0.9463, 0.038, 0.0557, None),
        ],
        {
            **dict.fromkeys(("semantic_weaker", "memory_weaker", "ties"), "share_of:cells"),
            **dict.fromkeys(("semantic_mean", "memory_mean"), "auroc"),
            "mean_gap": "gap",
            **dict.fromkeys(("mean_abs_gap", "median_abs_gap"), "points"),
        },
    ),
)
WORST = Section(
    "worst",
    "the cells with the widest gaps",
    ResultSet(
        (
            *("dataset", "category", "k_shot", "seed", "task", "semantic", "memory", "gap", "abs_gap"),
            *("weak_branch", "provenance"),
        ),
        [
            ("mvtec", category, 1, 111, "seg", 0.7523, 0.9658, 0.2135, 0.2135, "semantic", "exact")
            for category in ("transistor", "metal_nut", "toothbrush", "screw", "cable")
        ],
        {"semantic": "auroc", "memory": "auroc", "gap": "gap", "abs_gap": "points"},
    ),
)
FUSION = Section(
    "fusion",
    "one row a task and rule",
    ResultSet(
        ("task", "rule", "cells", "mean", "gain_over_memory"),
        [
            ("seg", "max", 81, 0.9624, 0.0161),
            ("seg", "oracle", 81, 0.97, 0.0),
            ("seg", "reported_oracle", 81, 0.96, -0.1),
        ],
        {"mean": "auroc", "gain_over_memory": "gap"},
    ),
)
PAPER_COLUMNS = (
    *("task", "experiment", "method", "variant", "branch", "dataset", "k_shot"),
    *("seeds", "cells", "mean", "std"),
)


def paper(*rows):
    """A long section from rows of (task, experiment, branch, dataset, K, mean, std)."""
    long = [
        (task, experiment, "promptad", "baseline", branch, dataset, k_shot, seeds, 15 * seeds, mean, std)
        for task, experiment, branch, dataset, k_shot, mean, std in rows
        for seeds in (1 if std is None else 3,)
    ]
    return Section("paper", "AUROC (%), mean over the categories", ResultSet(PAPER_COLUMNS, long, {"mean": "auroc"}))


PAPER = paper(
    ("seg", "ours", "semantic", "visa", 1, 0.9083, None),
    ("seg", "ours", "memory", "visa", 1, 0.9463, 0.0021),
    ("seg", "ours", "max", "visa", 1, 0.9463, 0.0034),
    ("seg", "ours", "oracle", "visa", 1, 0.97, None),
    ("seg", "ours", "memory", "mvtec", 10, 0.95, None),
    ("seg", "ours", "memory", "mvtec", 2, 0.94, None),
)
HOSTILE_SECTION = Section("hostile_names", HOSTILE, ResultSet((HOSTILE, "n"), [(HOSTILE, 1), (None, 2)]))
SMALL = Section("small", "", ResultSet(("n",), [(1,)]))
EMPTY = Section("empty", "nothing matches", ResultSet(("a", "b"), []))
REPORT = (SUMMARY, WORST, FUSION, PAPER, HOSTILE_SECTION, EMPTY)


def rows_of(**columns):
    """A one-row result."""
    return ResultSet(tuple(columns), [tuple(columns.values())])


def printed(value, kind="", **others):
    """How the table prints one value."""
    result = ResultSet(("x", *others), [(value, *others.values())], {"x": kind} if kind else {})
    cell = render_rows(result, "md").splitlines()[2].split(" | ")[0]
    return cell.strip("| ")


def golden(name, text):
    path = GOLDEN / name
    if os.environ.get(REWRITE):
        path.write_bytes(text.encode())
    assert text == path.read_bytes().decode(), f"{path} differs; if that is meant, run once with {REWRITE}=1"


@pytest.mark.parametrize("name", FORMATS)
def test_a_report_looks_as_it_did(name):
    golden(f"report.{ENDINGS[name]}", render(REPORT, name))


def test_a_report_on_80_columns_looks_as_it_did():
    golden("report_80_columns.txt", render(REPORT, "table", width=80))


def test_a_report_in_colour_looks_as_it_did():
    golden("report_colour.txt", render((PAPER, FUSION), "table", colour=True))


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_ends_with_one_newline(name):
    for text in (render(REPORT, name), render_rows(SUMMARY.result, name), render((EMPTY,), name)):
        assert text.endswith("\n")
        assert not text.endswith("\n\n")


def test_an_unknown_format_names_the_ones_there_are():
    for call in (lambda: render((SUMMARY,), "xlsx"), lambda: render_rows(SUMMARY.result, "xlsx")):
        with pytest.raises(UsageError, match="table, md, csv, json, latex, html"):
            call()


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.9083, "auroc", "90.83"),
        (1.0, "auroc", "100.00"),
        (-0.0, "auroc", "0.00"),
        (Decimal("0.5"), "auroc", "50.00"),
        (None, "auroc", MISSING),
        (0.0557, "gap", "+5.57"),
        (-0.031, "gap", "-3.10"),
        (0.0, "gap", "0.00"),
        (-0.0, "gap", "0.00"),
        (-0.0, "", "0"),
        (1e-9, "gap", "+0.00"),
        (-1e-9, "gap", "-0.00"),
        (0.3604, "points", "36.04"),
        (1.2345, "ratio", "1.23"),
        (None, "", MISSING),
        (True, "", "yes"),
        (False, "", "no"),
        (12345678, "", "12345678"),
        (0.123456789, "", "0.123457"),
        (2.0, "", "2"),
        (Decimal(1234567), "", "1234567"),
        (Decimal("0.25"), "", "0.25"),
        (np.float32(0.5), "auroc", "50.00"),
        (np.int64(7), "", "7"),
        (math.nan, "auroc", "nan"),
        (datetime(2025, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "", "2025-01-02 03:04:05+00:00"),
        (b"\x00\xff", "", "00ff"),
        ("as it is", "auroc", "as it is"),
    ],
)
def test_people_read_values_by_their_kind(value, kind, text):
    assert printed(value, kind) == text


@pytest.mark.parametrize(
    ("count", "whole", "text"),
    [
        (56, 81, "56/81 (69.1 %)"),
        (0, 81, "0/81 (0.0 %)"),
        (0, 0, "0/0"),
        (Decimal(3), 4.0, "3/4 (75.0 %)"),
        (None, 81, MISSING),
        (5, None, "5"),
    ],
)
def test_a_share_shows_the_count_and_what_it_is_a_part_of(count, whole, text):
    assert printed(count, "share_of:cells", cells=whole) == text


def test_a_share_of_a_column_that_is_not_there_is_a_count():
    assert printed(5, "share_of:cells") == "5"


def test_headers_name_the_unit_and_numbers_stand_right():
    header, alignment = render_rows(SUMMARY.result, "md").splitlines()[:2]
    assert "| left out |" in header
    assert "| semantic mean (%) | memory mean (%) | mean gap (points) |" in header
    assert alignment.startswith("| --- | --- | ---: |")


def test_json_holds_raw_values():
    moment = datetime(2025, 1, 2, tzinfo=UTC)
    result = rows_of(
        auroc=0.1 + 0.2, n=3, none=None, nan=math.nan, inf=-math.inf, day=moment, decimal=Decimal("0.25"),
        bytes=b"\x01\xff", best=Best("x"), array=[1.5, math.nan], struct={"a": None}, numpy=np.float32(0.5), yes=True,
    )  # fmt: skip
    (row,) = json.loads(render_rows(result, "json"))
    assert list(row) == list(result.columns)
    assert list(row.values()) == [
        *(0.1 + 0.2, 3, None, None, None, "2025-01-02T00:00:00+00:00", 0.25),
        *("01ff", "x", [1.5, None], {"a": None}, 0.5, True),
    ]


def test_json_of_a_report_is_one_object_by_section_name():
    report = json.loads(render(REPORT, "json"))
    assert list(report) == [section.name for section in REPORT]
    assert report["summary"][1]["semantic_mean"] == 0.9083
    assert report["summary"][1]["semantic_weaker"] == 56
    assert report["fusion"][1]["rule"] == "oracle"
    assert report["paper"][0]["dataset"] == "visa"
    assert report["empty"] == []


def test_json_keeps_columns_and_sections_of_the_same_name():
    twice = ResultSet(("a", "a", "a_1"), [(1, 2, 3)])
    assert json.loads(render_rows(twice, "json")) == [{"a": 1, "a_2": 2, "a_1": 3}]
    assert list(json.loads(render((EMPTY, EMPTY), "json"))) == ["empty", "empty_1"]


def test_json_carries_hostile_text_without_raw_controls():
    text = render((HOSTILE_SECTION,), "json")
    assert json.loads(text)["hostile_names"][0] == {HOSTILE: HOSTILE, "n": 1}
    assert all(char.isprintable() or char == "\n" for char in text)
    assert json.loads(render_rows(rows_of(x="é\ud800"), "json").encode()) == [{"x": "é\ud800"}]


def test_csv_holds_raw_values_and_reads_back():
    result = rows_of(a=0.1 + 0.2, b=None, c='say "hi", you', d="two\nlines", e=True, f=math.nan, g=[1, 2], h=1e-7)
    text = render_rows(result, "csv")
    assert text == 'a,b,c,d,e,f,g,h\n0.30000000000000004,,"say ""hi"", you","two\nlines",true,nan,"[1, 2]",1e-07\n'
    assert next(csv.DictReader(io.StringIO(text, newline="")))["c"] == 'say "hi", you'


def test_csv_names_sections_only_when_there_are_several():
    assert render((EMPTY,), "csv") == "a,b\n"
    assert render((EMPTY, EMPTY), "csv") == "# empty\na,b\n\n# empty\na,b\n"


@pytest.mark.parametrize("name", PEOPLE)
def test_hostile_names_reach_no_terminal_raw(name):
    for text in (render((HOSTILE_SECTION,), name), render_rows(HOSTILE_SECTION.result, name)):
        assert all(char.isprintable() or char == "\n" for char in text)
        assert "x1b" in text


@pytest.mark.parametrize("width", [None, 80])
def test_a_table_shows_markup_and_escapes_literally(width):
    text = render_rows(rows_of(name="[red]x[/red] :smile: \x1b[31m\n\t\x00"), "table", width=width, colour=True)
    assert r"[red]x[/red] :smile: \x1b[31m\n\t\x00" in text


def test_a_table_without_colour_has_no_escape_sequences():
    assert "\x1b" not in render(REPORT, "table")
    assert "\x1b[1m94.63 ± 0.21\x1b[0m" in render((PAPER,), "table", colour=True)


def test_only_a_colour_terminal_marks_the_weak_branch_and_the_size_of_gaps():
    for name in PEOPLE:
        assert not re.search("[\x1b█▏▎▍▌▋▊▉]", render(REPORT, name)), name
    coloured = render((SUMMARY, WORST), "table", colour=True).splitlines()
    cls, seg = coloured[3:5]
    assert "\x1b[35m90.21\x1b[0m" in cls
    assert "\x1b[35m91.34" not in cls
    assert "\x1b[35m90.83\x1b[0m" in seg
    assert "\x1b[35m75.23\x1b[0m" in coloured[-1]
    assert "\x1b[35msemantic\x1b[0m" in coloured[-1]
    assert "+21.35  ██████" in coloured[-1]


def test_bars_are_scaled_to_the_largest_gap_of_their_column():
    def bars(*gaps):
        result = ResultSet(("gap",), [(gap,) for gap in gaps], {"gap": "gap"})
        lines = render_rows(result, "table", colour=True).splitlines()[2:]
        return [[*line.split(), ""][1] for line in lines]

    assert bars(0.2, -0.4, 0.05, 0.0001, 0.0, None, math.nan) == ["███", "██████", "▊", "▏", "", "", ""]
    assert bars(0.2) == [""]
    assert bars(0.0, 0.0) == ["", ""]
    assert bars(None, None) == ["", ""]
    assert bars("text", 0.1) == ["", "██████"]


def test_bars_give_way_where_there_is_no_room():
    for width in (60, 80, 100, 200):
        text = re.sub(r"\x1b\[\d+m", "", render((WORST,), "table", width=width, colour=True))
        assert "21.35" in text
        assert ("█" in text) == (width >= 100)
        assert width == 60 or max(map(len, text.splitlines())) <= width


def test_a_tie_and_a_missing_gap_have_no_weak_branch():
    columns = ("semantic", "memory", "gap", "weak_branch")
    kinds = {"semantic": "auroc", "memory": "auroc", "gap": "gap"}
    rows = [(0.5, 0.5, 0.0, "tie"), (0.5, None, None, None)]
    assert "\x1b[35m" not in render_rows(ResultSet(columns, rows, kinds), "table", colour=True)
    hostile = ResultSet((*columns[:3], "weak_branch"), [(0.5, 0.6, 0.1, HOSTILE)], kinds)
    assert render_rows(hostile, "table", colour=True).count("\x1b[35m") == 1
    equal = ResultSet(("semantic_mean", "memory_mean", "mean_gap"), [(0.5, 0.5, 0.0), (None, None, None)], {})
    assert "\x1b[35m" not in render_rows(equal, "table", colour=True)


def test_a_table_has_no_trailing_spaces():
    for width in (None, 80, 20):
        assert not re.search(r" +$", render(REPORT, "table", width=width), flags=re.MULTILINE)


def test_a_table_without_a_width_is_never_folded():
    text = render_rows(rows_of(long="word " * 200 + "end", other="x" * 500), "table")
    assert len(text.splitlines()) == 3


@pytest.mark.parametrize("width", [1, 20, 40, 80, 100])
def test_a_folded_table_keeps_every_character(width):
    names = [f"{letter * 30}界界" for letter in "abcdef"]
    result = ResultSet(("name", "auroc"), [(name, 0.12345) for name in names], {"auroc": "auroc"})
    text = render_rows(result, "table", width=width)
    assert "…" not in text
    for name in names:
        assert text.count(name[0]) >= 30
    assert text.count("界") == 12


def test_a_wide_table_of_few_rows_is_transposed_on_80_columns():
    lines = render((SUMMARY,), "table", width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["task", "cls", "seg"]
    assert lines[5].startswith("semantic weaker")
    assert lines[5].endswith("56/81 (69.1 %)")


def test_a_wide_table_of_many_rows_breaks_headers_before_values():
    lines = render((WORST,), "table", width=80).splitlines()
    assert max(map(len, lines)) <= 80
    assert " ".join(lines[-5].split()) == "mvtec transistor 1 111 seg 75.23 96.58 +21.35 21.35 semantic exact"


@pytest.mark.parametrize("name", PEOPLE)
def test_an_empty_section_says_so(name):
    assert "(no rows)" in render((EMPTY,), name)
    assert "(no rows)" in render_rows(ResultSet((), []), name)


@pytest.mark.parametrize(
    ("name", "bold"),
    [
        ("table", "x_1"),
        ("md", "**x_1**"),
        ("latex", r"\textbf{x\_1}"),
        ("html", "<strong>x_1</strong>"),
        ("csv", "x_1"),
    ],
)
def test_the_best_is_bold_where_a_format_can(name, bold):
    text = render_rows(rows_of(v=Best("x_1")), name)
    assert bold in text
    assert ("x_1**" in text) == (name == "md")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a|b", r"a\|b"),
        ("a\\|b", r"a\\\|b"),
        ("end\\", r"end\\"),
        ("a\nb", "a b"),
        ("<b> & c", "&lt;b&gt; &amp; c"),
        ("metal_nut", "metal_nut"),
        ("_init_", r"\_init\_"),
        ("![x](http://a) `c` *d*", r"!\[x\](http://a) \`c\` \*d\*"),
    ],
)
def test_markdown_shows_names_literally(value, text):
    assert render_rows(rows_of(v=value), "md").splitlines()[2] == f"| {text} |"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("5% & $#_{}", r"5\% \& \$\#\_\{\}"),
        ("~^\\<>", r"\textasciitilde{}\textasciicircum{}\textbackslash{}\textless{}\textgreater{}"),
        ("± \u2013 — \u00d7 →", r"$\pm$ -- --- $\times$ $\rightarrow$"),
        ("[2pt]*", "{[}2pt{]}{*}"),
        ("é 界", "é U+754C"),
        (None, "--"),
    ],
)
def test_latex_escapes_what_it_would_obey(value, text):
    assert f"    {text} \\\\\n" in render_rows(rows_of(v=value), "latex")


def test_latex_sets_a_negative_number_with_a_minus():
    text = render_rows(ResultSet(("gap",), [(-0.031,), (None,)], {"gap": "gap"}), "latex")
    assert "    $-$3.10 \\\\\n    -- \\\\\n" in text


def compiled(text, place):
    """What LaTeX says to a document with this text and the packages that its first line names; skips without LaTeX."""
    program = shutil.which("pdflatex") or shutil.which("tectonic")
    if program is None:
        pytest.skip("neither pdflatex nor tectonic is installed")
    packages = "".join(re.findall(r"\\usepackage\S*\{\w+\}", text.splitlines()[0]))
    document = f"\\documentclass{{article}}{packages}\\begin{{document}}\n{text}\\end{{document}}\n"
    (place / "report.tex").write_text(document, encoding="utf-8")
    options = ["-interaction=nonstopmode", "-halt-on-error"] if "pdflatex" in program else []
    done = subprocess.run([program, *options, "report.tex"], cwd=place, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout + done.stderr


def test_latex_compiles_and_wide_tables_fit_the_line(tmp_path):
    assert "Overfull" not in compiled(render(REPORT, "latex"), tmp_path)


def test_every_section_of_the_measured_data_compiles_with_latex(cli, gate_place, tmp_path):
    for command in (("report",), ("audit",), ("compare", "memory", "max"), ("check",)):
        answer = cli(*command, "--format", "latex", "--db", gate_place / "promptad.duckdb")
        assert "\\toprule" in answer.out
        assert "Overfull" not in compiled(answer.out, tmp_path), command


def test_latex_needs_graphicx_for_wide_tables_alone():
    narrow, wide = render((EMPTY, SMALL), "latex"), render((SMALL, WORST), "latex")
    assert narrow.startswith("% needs \\usepackage{booktabs} and \\usepackage[T1]{fontenc}\n")
    assert "graphicx" in wide.splitlines()[0]
    assert wide.count("\\resizebox") == 1
    assert "\\resizebox" not in narrow


def test_html_is_well_formed_and_runs_nothing():
    class Tags(HTMLParser):
        opened, seen = [], set()

        def handle_starttag(self, tag, _attrs):
            self.seen.add(tag)
            if tag != "meta":
                self.opened.append(tag)

        def handle_endtag(self, tag):
            assert self.opened.pop() == tag

    page = Tags()
    page.feed(render(REPORT, "html"))
    assert page.opened == []
    assert "script" not in page.seen
    assert {"caption", "th", "strong"} <= page.seen


def test_the_paper_pivot_has_one_column_a_dataset_and_k_in_order():
    wide = pivot_paper(PAPER).result
    assert wide.columns == ("branch", "mvtec K=2", "mvtec K=10", "visa K=1")
    assert wide.rows == [
        ("semantic", None, None, "90.83"),
        ("memory", "94.00", "95.00", "94.63 ± 0.21"),
        ("max", None, None, "94.63 ± 0.34"),
        ("oracle†", None, None, "97.00"),
    ]


def test_the_paper_pivot_marks_all_equal_best_ones_but_no_upper_bound():
    last = [row[-1] for row in pivot_paper(PAPER).result.rows]
    assert [isinstance(value, Best) for value in last] == [False, True, True, False]


def test_the_paper_pivot_decides_on_the_stored_doubles_within_a_task():
    section = paper(
        ("seg", "a", "memory", "visa", 1, 0.946301, None),
        ("seg", "b", "memory", "visa", 1, 0.946302, None),
        ("cls", "b", "memory", "visa", 1, 0.5, None),
        ("cls", "b", "max", "visa", 1, None, None),
        ("cls", "b", "mean", "visa", 1, math.nan, None),
    )
    wide = pivot_paper(section).result
    assert wide.columns == ("task", "experiment", "branch", "visa K=1")
    best = {row[:3] for row in wide.rows if isinstance(row[-1], Best)}
    assert best == {("seg", "b", "memory"), ("cls", "b", "memory")}


def test_the_paper_is_pivoted_for_people_only():
    assert "visa K=1 (%)" in render((PAPER,), "table")
    assert "k_shot" in render((PAPER,), "csv")
    empty = Section("paper", "", ResultSet(PAPER_COLUMNS, []))
    assert render((empty,), "table") == "paper\n(no rows)\n"
    wide = pivot_paper(PAPER)
    assert pivot_paper(wide) is wide


@pytest.mark.parametrize("style", FORMATS)
@pytest.mark.parametrize("kind", ["gap", "auroc", "points", "ratio", ""])
def test_a_zero_has_no_sign_in_any_format(style, kind):
    assert "-0" not in render_rows(ResultSet(("x",), [(-0.0,)], {"x": kind}), style)


def test_importing_the_report_layer_loads_no_heavy_package():
    heavy = "{'rich', 'numpy', 'pyarrow', 'pandas', 'duckdb', 'sqlalchemy', 'torch'}"
    check = f"import sys, promptad_db.tables; assert not {heavy} & set(sys.modules), sys.modules.keys()"
    subprocess.run([sys.executable, "-c", check], cwd=ROOT, check=True)


def test_a_mean_over_fewer_categories_says_so_and_is_never_the_best():
    columns = (
        "task",
        "experiment",
        "method",
        "variant",
        "branch",
        "dataset",
        "k_shot",
        "seeds",
        "cells",
        "mean",
        "std",
    )
    rows = [
        ("cls", "e", "m", "baseline", "max", "mvtec", 1, 1, 15, 0.926, None),
        ("cls", "e", "m", "baseline", "mean", "mvtec", 1, 2, 12, 0.9388, 0.01),
        ("cls", "e", "m", "baseline", "memory", "mvtec", 1, 2, 30, 0.9, 0.01),
    ]
    text = render([Section("paper", "The paper.", ResultSet(columns, rows))], "md")
    assert "| max | **92.60** |" in text
    assert "| mean | 93.88 ± 1.00 (6/15 categories) |" in text
    assert "| memory | 90.00 ± 1.00 |" in text
