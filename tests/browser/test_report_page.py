"""The HTML report in a headless Chromium, from a file and without a network."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1]))

from pictured_run import pictured_run

from promptad_db.db.queries.selection import Filters
from promptad_db.page import plot, report_page

pytestmark = pytest.mark.slow

DRAWN = "[...document.querySelectorAll('.chart')].every((chart) => chart.dataset.drawn === 'yes')"


def opened(watched, path, **context):
    watched.page.context.set_offline(True)
    watched.page.emulate_media(**context)
    watched.page.goto(path.as_uri())
    watched.page.wait_for_function(DRAWN, timeout=60_000)
    return watched.page


@pytest.fixture(scope="module")
def gate_file(gate_place, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(report_page(gate_place / "promptad.duckdb", Filters()).text, encoding="utf-8")
    return path


@pytest.fixture
def pictured_file(tmp_path):
    pictured_run(tmp_path, ("tile", "<script>alert(1)", "wood"))
    text = report_page(tmp_path / "promptad.duckdb", Filters(), data_root=tmp_path / "data").text
    path = tmp_path / "report.html"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["gate_file", "pictured_file"])
def test_every_chart_is_drawn_without_errors_and_without_requests(request, watched, name, scheme):
    path = request.getfixturevalue(name)
    page = opened(watched, path, color_scheme=scheme)
    charts = page.locator(".chart svg")
    assert charts.count() == page.locator(".chart").count() >= 4
    for index in range(charts.count()):
        box = charts.nth(index).bounding_box()
        assert box["width"] > 200
        assert box["height"] > 40
    assert watched.errors == []
    assert watched.elsewhere(path.as_uri()) == []
    for image in page.locator("img").all():
        image.scroll_into_view_if_needed()
        assert image.evaluate("one => one.decode().then(() => one.naturalWidth)") > 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["gate_file", "pictured_file"])
def test_axe_finds_no_serious_violation(request, watched, name, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    page = opened(watched, request.getfixturevalue(name), color_scheme=scheme)
    found = axe.Axe().run(page).response["violations"]
    serious = [(one["id"], one["nodes"][0]["html"][:200]) for one in found if one["impact"] in ("serious", "critical")]
    assert serious == []


def test_a_script_in_a_name_is_shown_and_not_run(watched, pictured_file):
    dialogs = []
    watched.page.on("dialog", lambda dialog: dialogs.append(dialog.message) or dialog.dismiss())
    page = opened(watched, pictured_file)
    assert page.get_by_text("<script>alert(1)").count() > 0
    assert dialogs == []


def test_a_table_is_sorted_by_its_heads_with_the_keyboard(watched, gate_file):
    page = opened(watched, gate_file)
    table = page.locator("table", has=page.locator("caption", has_text="largest gap")).first
    head = table.locator("th", has_text="memory").first
    column = head.evaluate("head => head.cellIndex")
    read = f"table => [...table.tBodies[0].rows].map((row) => parseFloat(row.cells[{column}].textContent))"
    head.get_by_role("button").focus()
    page.keyboard.press("Enter")
    down = table.evaluate(read)
    assert down == sorted(down, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    page.keyboard.press("Enter")
    assert table.evaluate(read) == sorted(down)
    assert head.get_attribute("aria-sort") == "ascending"


def test_the_first_key_leads_past_the_head(watched, gate_file):
    page = opened(watched, gate_file)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"


def test_a_narrow_screen_scrolls_charts_and_tables_and_not_the_page(watched, gate_file):
    page = opened(watched, gate_file)
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_javascript_the_tables_are_whole(browser, gate_file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(gate_file.as_uri())
    assert page.locator("table").count() >= 5
    assert page.get_by_text("The chart needs JavaScript").first.is_visible()
    context.close()


def test_a_chart_alone_is_a_page_too(watched, gate_place, tmp_path):
    content = plot("dumbbell", ".html", gate_place / "promptad.duckdb", Filters(tasks=("seg",))).content
    (tmp_path / "x.html").write_bytes(content)
    page = opened(watched, tmp_path / "x.html")
    assert page.locator(".chart svg").count() == 1
    assert watched.errors == []
