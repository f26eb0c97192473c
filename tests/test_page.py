"""The HTML report as a file: what stands in it, what cannot break out of it, and what stays the same."""

from __future__ import annotations

import json
import re
from html import unescape
from html.parser import HTMLParser
from importlib import resources
from importlib.metadata import version
from pathlib import Path

import pytest
from measured_runs import Laboratory, both
from pictured_run import pictured_run
from test_cli import HEAVY, loaded_by

from promptad_db import ingest
from promptad_db.page.html import json_inside
from promptad_db.tables import FORMATS

HOSTILE = "</script><script>alert(1)</script>"


class Outline(HTMLParser):
    """The elements of a page that are open, closed and hold an id."""

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.tags = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def outline(text):
    parsed = Outline()
    parsed.feed(text)
    assert parsed.open == []
    assert len(set(parsed.ids)) == len(parsed.ids)
    return parsed


@pytest.fixture(scope="module")
def gate_report(gate_place, tmp_path_factory):
    from promptad_db.db.queries.selection import Filters
    from promptad_db.page import report_page

    return report_page(gate_place / "promptad.duckdb", Filters()).text


def test_the_finding_stands_on_top_in_a_sentence(gate_report):
    finding = re.search(r'<p class="finding">(.*?)</p>', gate_report)[1]
    assert finding == (
        "The weaker branch is semantic in 42 of 81 cells (51.9 %) at image level (CLS), and semantic in 56 of 81 cells "
        "(69.1 %) at pixel level (SEG). "
        "At image level (CLS) the difference is not significant over 27 categories (Wilcoxon&#39;s signed ranks, p = 0.1937). "
        "At pixel level (SEG) the difference is significant in favour of memory over 27 categories (Wilcoxon&#39;s signed "
        "ranks, p = 0.0187)."
    )
    assert "mean AUROC semantic 90.83 %, memory 94.63 %" in gate_report


def test_the_page_names_what_was_run_when_and_where_it_is_stored(cli):
    lab = Laboratory()
    lab.run({"tile": both(0.5, 0.9), "wood": both(0.6, 0.8)}, experiment="first", method="PromptAD")
    lab.run({"tile": both(0.5, 0.9)}, experiment="first", method="<b>Other", created_at="2026-02-03T00:00:00+00:00")
    lab.run({"tile": both(0.5, 0.9)}, experiment="second")
    cli("ingest", "runs")
    page = cli("report", "--format", "html", "--experiment", "first").out
    origin = re.findall(r'<p class="about">(.*?)</p>', page)[1]
    assert origin == (
        "Experiment first; methods &lt;b&gt;Other, PromptAD; 2 runs of 2026-01-01 to 2026-02-03; database promptad.duckdb; "
        f"promptad-db {version('promptad-db')}."
    )
    assert (
        "Experiment second; method m; 1 run of 2026-01-01;"
        in cli("report", "--format", "html", "--experiment", "second").out
    )


@pytest.mark.parametrize(
    ("gaps", "words"),
    [
        ([0.1, 0.2, 0.3, 0.1, 0.2, 0.3], "is significant in favour of memory over 6 categories"),
        ([-0.1, -0.2, -0.3, -0.1, -0.2, -0.3], "is significant in favour of semantic over 6 categories"),
        ([0.1, -0.2, 0.3, -0.1, 0.2, -0.3], "is not significant over 6 categories"),
        ([0.1, 0.0], "cannot be tested over 2 categories"),
        ([0.1], "cannot be tested over 1 category"),
    ],
)
def test_the_headline_says_whether_the_difference_is_significant(cli, gaps, words):
    Laboratory().run({f"c{index}": both(0.5, 0.5 + gap) for index, gap in enumerate(gaps)})
    cli("ingest", "runs")
    finding = re.search(r'<p class="finding">(.*?)</p>', cli("report", "--format", "html").out)[1]
    assert f"At pixel level (SEG) the difference {words}" in finding


def test_a_gap_of_exactly_zero_has_no_sign_on_the_page(cli):
    Laboratory().run(
        {"tile": {"semantic": 0.9, "memory": 0.9, "max": 0.9}, "wood": {"semantic": 0.8, "memory": 0.8, "max": 0.8}}
    )
    cli("ingest", "runs")
    page = cli("report", "--format", "html").out
    for zero in ("-0.00", "+0.00", "\N{MINUS SIGN}0.0", "-0.0,", "-0.0}"):
        assert zero not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL), zero
    assert "mean gap 0.00 points" in page


@pytest.mark.parametrize("sign", [1, -1])
def test_an_average_gap_of_zero_has_no_weak_branch_and_no_sign_in_any_format(cli, sign):
    lab = Laboratory()
    pairs = ((0.56, 0.61), (0.9, 0.96), (0.68, 0.57))
    assert sum(memory - semantic for semantic, memory in pairs) != 0
    for seed, pair in enumerate(pairs):
        semantic, memory = pair[::sign]
        lab.run({"tile": {"semantic": semantic, "memory": memory}}, seed=seed)
    cli("ingest", "runs")
    for style in FORMATS:
        answer = cli("report", "--section", "categories,summary", "--format", style)
        text = re.sub(r"<script.*?</script>", "", answer.out, flags=re.DOTALL)
        assert "tie" in text
        assert not re.search(r"[-+\u2212]0\.0|\$-\$0\.0", text), style
    (row,) = json.loads(cli("report", "--section", "categories", "--format", "json").out)["categories"]
    assert (row["gap"], row["abs_gap"], row["weak_branch"]) == (0, 0, "tie")


def test_the_report_is_one_whole_file_below_5_megabytes(gate_report):
    assert len(gate_report.encode()) < 5_000_000
    assert set(outline(gate_report).ids) >= {"dumbbell", "gap-heatmap", "fusion", "audit", "tables", "content"}
    shown = re.sub(r"<script.*?</script>", "", gate_report, flags=re.DOTALL)
    assert not re.search(r"https?:|src=\"(?!data:)|<link|@import|url\(", shown)
    assert "default-src 'none'" in unescape(gate_report)
    assert "unsafe-eval" not in gate_report


def test_the_same_database_makes_the_same_page(cli, gate_place):
    pages = [cli("report", "--format", "html", "--db", gate_place / "promptad.duckdb").out for _ in range(2)]
    assert pages[0] == pages[1]


def test_sections_and_filters_choose_the_tables_and_the_cells(cli, gate_place):
    page = cli(
        "report", "--format", "html", "--section", "worst", "--task", "seg", "--category", "tile,wood",
        "--db", gate_place / "promptad.duckdb",
    ).out  # fmt: skip
    assert re.findall(r"<h3>(.*?)</h3>", page) == ["worst"]
    assert "of 6 cells" in page
    assert "Only task seg; category tile, wood." in page
    assert "capsules" not in re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)


def test_a_hostile_category_stays_text(cli, make_run):
    make_run({HOSTILE: {"semantic": 0.5, "memory": 0.6, "max": 0.7}, "tile": {"semantic": 0.9, "memory": 0.6}})
    cli("ingest", "runs")
    page = cli("report", "--format", "html").out
    assert "<script>alert" not in page
    assert "&lt;/script&gt;&lt;script&gt;alert(1)" in page
    assert r"\u003c/script\u003e" in page
    outline(page)


def test_json_in_a_page_holds_no_character_that_could_end_its_element():
    text = str(json_inside({"a": "</script><!--&\u2028", "b": [1.5, None]}))
    assert not set(text) & set("<>&\u2028")


def test_other_branches_estimates_and_missing_branches_have_a_page_too(cli, make_run):
    make_run({"tile": {"semantic": 0.5, "memory": 0.5, "max": 0.7}})
    cli("ingest", "runs")
    assert "neither more often than the other at pixel level" in cli("report", "--format", "html").out
    page = cli("report", "--format", "html", "--branches", "memory,max").out
    assert "The weaker branch is memory in 1 of 1 cells (100.0 %)" in page
    make_run({"wood": {"memory": 0.5}}, experiment="other")
    cli("ingest", "runs")
    alone = cli("report", "--format", "html", "--experiment", "other")
    assert alone.code == 0
    assert "No cell has an AUROC of both semantic and memory." in alone.out
    outline(alone.out)
    assert cli("report", "--format", "html", "--category", "nobody").code == 5


def test_estimates_are_never_shown_without_their_label(cli, gate_place):
    page = cli("report", "--format", "html", "--provenance", "approx", "--db", gate_place / "promptad.duckdb").out
    assert "By estimates, which are not AUROCs." in page
    assert "mean estimate semantic" in page
    assert "mean AUROC semantic" not in page
    assert "Wilcoxon" not in page


def test_the_gallery_shows_the_images_of_the_worst_cells(cli, tmp_path):
    pictured_run(tmp_path, ("tile", "wood", "bottle"))
    page = cli("report", "--format", "html", "--gallery", 2, "--data-root", "data").out
    assert page.count('<div class="cell">') == 2
    assert page.count('src="data:image/png;base64,') == 2 * 2 * 5
    assert re.search(r"<h3>mvtec \w+, seg, K=1, seed 0: semantic [\d.]+ %, memory", page)
    outline(page)
    blind = cli("report", "--format", "html", "--gallery", 2).out
    assert blind.count('src="data:image/png;base64,') == 2 * 2 * 4
    assert blind.count("not at hand</p>") == 4
    assert "--data-root says where" in blind
    assert "Images of the worst cells" not in cli("report", "--format", "html", "--gallery", 0).out


@pytest.mark.parametrize("link", ["a file", "a file with ..", "a folder in the middle", "the folder of the category"])
def test_the_gallery_follows_no_link_out_of_the_data_root(cli, tmp_path, link):
    pictured_run(tmp_path)
    category, secret = tmp_path / "data" / "mvtec" / "tile", tmp_path / "secret"
    inside = cli("report", "--format", "html", "--data-root", "data").out.count('src="data:image/png;base64,')
    leads = {"a folder in the middle": category / "test", "the folder of the category": category}
    moved = [leads[link]] if link in leads else sorted(category.glob("test/crack/*.png"))
    secret.mkdir()
    for place in moved:
        place.rename(secret / place.name)
        dots = Path("../../../../../secret") if ".." in link else secret
        place.symlink_to(dots / place.name)
    outside = cli("report", "--format", "html", "--data-root", "data").out.count('src="data:image/png;base64,')
    assert inside - outside == 2


def test_a_data_root_that_is_itself_a_link_is_followed(cli, tmp_path):
    pictured_run(tmp_path)
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    (tmp_path / "data").symlink_to("elsewhere")
    page = cli("report", "--format", "html", "--data-root", "data").out
    assert page.count('src="data:image/png;base64,') == 2 * 5


def test_a_broken_run_folder_costs_its_images_alone(cli, tmp_path):
    folder = pictured_run(tmp_path)
    (folder / "tile" / "maps.parquet").write_bytes(b"broken")
    answer = cli("report", "--format", "html", "--data-root", "data")
    assert answer.code == 0
    assert "no images of mvtec tile" in answer.err


def test_many_cells_are_cut_to_those_with_the_largest_gaps(tmp_path, cli):
    lab = Laboratory()
    for seed in range(20):
        lab.run({f"c{number:02}": both(0.5 + number / 100, 0.9) for number in range(20)}, seed=seed)
    ingest("runs", db="promptad.duckdb")
    page = cli("report", "--format", "html").out
    assert "90 of 400 cells of seg, those with the largest gaps" in page
    assert len(page.encode()) < 5_000_000


def test_tables_and_help_load_neither_altair_nor_jinja(gate_place):
    code = "import promptad_db.cli.main as m\ntry: m.main()\nexcept SystemExit: pass"
    charts = {"altair", "vl_convert", "jinja2"}
    for command in (("report",), ("--help",), ("plot", "--help")):
        more = ("--db", str(gate_place / "promptad.duckdb")) if command == ("report",) else ()
        assert not loaded_by(code, *command, *more) & (charts | HEAVY), command


@pytest.mark.parametrize(
    ("package", "files"),
    [
        ("promptad_db.page", {"report.html.j2", "style.css", "page.js"}),
        ("promptad_db.tables", {"table.html.j2", "tables.html.j2"}),
    ],
)
def test_the_templates_are_files_of_the_package(package, files):
    assert {path.name for path in (resources.files(package) / "templates").iterdir()} >= files
