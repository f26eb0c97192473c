"""The web app in a real browser: clicked through, and without a script of anybody else."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import urlencode

import pytest
from ui_place import HOSTILE, grow, make_world

pytest.importorskip("starlette", reason="the extra ui is not installed")
expect = pytest.importorskip("playwright.sync_api", reason="playwright is not installed").expect
expect.set_options(timeout=20_000)
pytestmark = pytest.mark.slow

DRAWN = "figure.chart .drawing svg"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("ui"))


@pytest.fixture(scope="module")
def app(world):
    """The address of a real server on a free port."""
    command = [sys.executable, "-m", "promptad_db", "ui", "--port", "0", "--db", world.database, "--runs", world.runs]
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as server:
        yield server.stderr.readline().split("/  ")[0]
        server.terminate()


@pytest.fixture
def page(watched, app):
    """A page on the app; at its end nothing went wrong in it, and nothing was asked of anybody else."""
    watched.page.on("dialog", lambda dialog: watched.errors.append(f"a dialog: {dialog.message}"))
    watched.page.set_default_timeout(20_000)
    yield watched.page
    assert watched.errors == []
    assert watched.elsewhere(app) == []


def cell(app, world, **more):
    return f"{app}/cell?{urlencode({'run': world.first, 'category': 'carpet', **more})}"


def test_filters_and_headings_change_the_list_of_runs(page, app, world):
    page.goto(app)
    page.select_option("select[name=variant]", "spatial_prompts")
    page.wait_for_url("**variant=spatial_prompts**")
    links = page.locator("form.runs tbody th a")
    assert links.count() == 1
    page.get_by_role("link", name="Clear").click()
    page.get_by_role("link", name="semantic (%)").click()
    page.wait_for_url("**sort=semantic**")
    shown = [float(text) for text in page.locator("form.runs tbody td:nth-child(11)").all_inner_texts()]
    assert len(shown) == 3
    assert shown == sorted(shown, reverse=True)
    page.fill("input[name=search]", HOSTILE)
    page.press("input[name=search]", "Enter")
    page.wait_for_url("**search=**")
    assert links.count() == 3
    assert HOSTILE in page.locator("form.runs tbody").inner_text()


def test_the_progress_of_a_running_run_grows_without_a_click(page, app, world):
    page.goto(app)
    row = page.locator("#live tbody tr")
    assert "1 of 3" in row.inner_text()
    assert HOSTILE in row.inner_text()
    grow(world.runs / world.running, "tile")
    expect(row).to_contain_text("2 of 3, last tile")
    expect(page.locator("#live-status")).to_contain_text("2 categories are done")


def test_two_ticked_runs_are_compared(page, app, world):
    page.goto(app)
    for run in (world.first, world.second):
        page.check(f"input[value='{run}']")
    page.get_by_role("button", name="Compare the two ticked").click()
    page.wait_for_url("**/compare**")
    assert page.get_by_role("heading", name="Totals").is_visible()
    assert HOSTILE in page.locator("main").inner_text()


def test_the_charts_of_the_report_follow_the_filters(page, app):
    page.goto(f"{app}/report")
    page.wait_for_selector(DRAWN)
    assert HOSTILE in page.locator("figure.chart").first.locator("svg").text_content()
    page.locator("details.some", has_text="Category").locator("summary").click()
    page.get_by_role("checkbox", name="carpet").check()
    page.keyboard.press("Escape")
    page.wait_for_url("**category=carpet**")
    page.wait_for_selector(DRAWN)
    assert HOSTILE not in page.locator("figure.chart").first.locator("svg").text_content()


def test_a_click_on_a_mark_narrows_the_filters(page, app):
    page.goto(f"{app}/report?task=seg")
    page.locator("figure[data-chart*=gap-heatmap] path[aria-label*='category: carpet']").first.click(force=True)
    page.wait_for_url("**category=carpet**")


def test_a_table_is_sorted_by_its_headings(page, app):
    page.goto(f"{app}/sql?{urlencode({'query': 'SELECT x, (x * 7) % 10 AS y FROM range(12) AS r(x)'})}")
    heading = page.locator("th", has_text="y")
    heading.get_by_role("button").click()
    heading.get_by_role("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    values = [int(text) for text in page.locator("tbody td:nth-child(2)").all_inner_texts()]
    assert values == sorted(values)


def test_a_cell_shows_curves_and_the_maps_of_the_image_under_the_pointer(page, app, world):
    page.goto(cell(app, world))
    expect(page.locator(DRAWN)).to_have_count(3)
    links = page.locator(".strip a")
    assert links.count() == 8
    links.nth(2).hover()
    name = page.locator("#lens h3").inner_text()
    assert name in links.nth(2).text_content()
    page.keyboard.press("Tab")
    links.nth(3).focus()
    page.keyboard.press("ArrowRight")
    assert page.locator("#lens h3").inner_text() in links.nth(4).text_content()
    assert page.locator("#lens figcaption").all_inner_texts()[:2] == ["image", "ground truth"]
    pictures = page.locator("#lens img")
    expect(pictures).to_have_count(5)
    for index in range(5):
        expect(pictures.nth(index)).to_have_js_property("naturalWidth", 48)


def test_a_script_as_a_category_name_is_shown_and_not_run(page, app, world):
    page.goto(f"{app}/run/{world.first}")
    page.get_by_role("link", name=HOSTILE).click()
    expect(page.locator(DRAWN)).to_have_count(3)
    assert HOSTILE in page.locator("h1").inner_text()
    page.locator(".strip a").nth(1).hover()
    page.wait_for_timeout(300)


def test_the_sql_box_answers_and_explains(page, app):
    page.goto(f"{app}/sql")
    page.fill("textarea", "SELECT category, COUNT(*) AS n FROM branch_gap GROUP BY category ORDER BY 1")
    page.get_by_role("button", name="Run").click()
    page.wait_for_selector("table")
    assert HOSTILE in page.locator("table").inner_text()
    page.fill("textarea", "COPY runs TO 'x.csv'")
    page.press("textarea", "Control+Enter")
    assert "does not run" in page.get_by_role("alert").inner_text()


def test_everything_but_charts_works_without_scripts(browser, app, world):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(cell(app, world))
    page.locator(".strip a").nth(3).click()
    assert page.locator("#lens h3").inner_text() in page.locator(".strip a").nth(3).text_content()
    page.goto(f"{app}/report")
    page.select_option("select[name=task]", "seg")
    page.get_by_role("button", name="Show").click()
    page.wait_for_url("**task=seg**")
    assert page.get_by_role("heading", name="Summary").is_visible()
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/run/{first}", "/report", "/cell?run={first}&category=carpet", "/compare?a=baseline&b=spatial_prompts", "/sql?query=SELECT+1", "/run/nothing"])  # fmt: skip
def test_nothing_bars_people_with_disabilities(browser, app, world, path, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce")
    page = context.new_page()
    page.goto(app + path.format(first=world.first))
    page.wait_for_load_state("networkidle")
    page.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true })")
    found = axe.Axe().run(page).response["violations"]
    context.close()
    assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
