"""What an address holds that no database and no file name could: refused with its reason, by every page."""

from __future__ import annotations

import pytest
from ui_place import make_world

pytest.importorskip("starlette", reason="the extra ui is not installed")

from starlette.testclient import TestClient

from promptad_db.ui.app import create_app

PAGES = (
    "/", "/progress.json", "/run/x", "/report", "/cell", "/image.png", "/compare", "/sql", "/chart.json", "/cell-chart.json",
)  # fmt: skip
NAMES = (
    "a", "b", "branch", "branch_a", "branch_b", "by", "category", "dataset", "experiment", "image", "k_shot", "kind", "label",
    "method", "name", "page", "provenance", "query", "run", "runs", "search", "section", "seed", "side", "sort", "status",
    "tag", "task", "token", "top", "variant",
)  # fmt: skip
UNREADABLE = {"NUL": "%00", "a byte": "%ff", "half a character": "%ed%a0%80", "40,000 characters": "x" * 40_000}
ODD = (
    "-1",
    "0",
    "1e400",
    "nan",
    "9" * 400,
    "٣",
    "1_0",
    "' OR 1=1",
    "../../etc/passwd",
    "%2e%2e%2f",
    "%F0%9F%98%80",
)


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    world = make_world(tmp_path_factory.mktemp("ui"))
    app = create_app(world.database, world.runs)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False, follow_redirects=False)


@pytest.mark.parametrize("value", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("path", PAGES)
def test_what_cannot_be_stored_is_a_wrong_address_on_every_page(client, path, value):
    for query in ("experiment=", "runs=", "k_shot=1&query=", ""):
        answer = client.get(f"{path}?{query}{value}")
        assert answer.status_code == 400, (query, answer.text[:300])
        assert "the address" in answer.text
        if path.endswith((".json", ".png")):
            assert answer.json()["error"].startswith("the address")


@pytest.mark.parametrize("value", ["%00", "%ff", "x%00y"])
def test_a_run_of_an_unreadable_name_is_a_wrong_address(client, value):
    assert client.get(f"/run/{value}").status_code == 400


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/sql"])
def test_no_odd_value_is_a_bug(client, path):
    together = [dict.fromkeys(NAMES, value) | {"name": "roc"} for value in ODD]
    for query in [*together, *({name: ODD[at % len(ODD)]} for at, name in enumerate(NAMES))]:
        answer = client.get(path, params=query)
        assert answer.status_code in (200, 303, 400, 404, 422), (query, answer.status_code, answer.text[-800:])


def test_static_files_have_readable_names(client):
    for name in ("%00", "..%2f..%2fetc%2fpasswd", "%ff", "a%00.js"):
        assert client.get(f"/static/{name}").status_code in (400, 404)
