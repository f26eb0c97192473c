"""A headless Chromium of the machine, for tests of what a reader sees; skipped where there is none."""

from __future__ import annotations

import shutil

import pytest

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests of a process."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium on this machine")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


class Watched:
    """A page, and what it did: console errors, exceptions, and requests for anything but the page itself."""

    def __init__(self, page):
        self.page = page
        self.errors = []
        self.requests = []
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))

    def elsewhere(self, *allowed):
        """The requests that go anywhere but to what is allowed, inlined data left out."""
        return [url for url in self.requests if not url.startswith(("data:", "blob:", *allowed))]


@pytest.fixture
def watched(browser):
    """A fresh page that is being watched, 1400 pixels wide."""
    context = browser.new_context(viewport={"width": 1400, "height": 900}, reduced_motion="reduce")
    yield Watched(context.new_page())
    context.close()


@pytest.fixture
def page(watched):
    """The same page alone."""
    return watched.page
