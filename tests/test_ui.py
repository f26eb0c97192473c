"""The web app shows and never changes: who may ask, what is refused, and what hostile names become."""

from __future__ import annotations

import io
import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
from ui_place import HOSTILE, grow, make_world

from promptad_db import run_folder
from promptad_db.db.engine import migrate
from promptad_db.db.queries.lists import RunSearch, find_runs
from promptad_db.errors import QueryError, UsageError
from promptad_db.storage.lock import locked

pytest.importorskip("starlette", reason="the extra ui is not installed")

from starlette.testclient import TestClient

from promptad_db.ui import asking, live, serving
from promptad_db.ui.app import create_app

PAGES = ("/", "/report", "/compare", "/sql", "/progress.json", "/static/app.js")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return make_world(tmp_path_factory.mktemp("ui"))


def ask_app(world, **options):
    app = create_app(world.database, world.runs, options.pop("token", None), **options)
    return TestClient(app, base_url="http://localhost", raise_server_exceptions=False, follow_redirects=False)


@pytest.fixture
def client(world):
    return ask_app(world)


def cell(world, category="carpet", **more):
    return {"run": world.first, "category": category, **more}


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_with_the_headers_of_a_careful_server(client, path):
    answer = client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("path", PAGES)
def test_without_the_token_nothing_is_shown(world, path):
    client = ask_app(world, token="secret")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": "promptad_db_00000000=secret"}):
        answer = client.get(path, headers=headers)
        assert answer.status_code == 401
        assert "carpet" not in answer.text
    assert client.get(f"{path}?token=wrong").status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer secret"}).status_code == 200


def test_the_token_of_the_address_becomes_a_cookie_that_scripts_cannot_read(world):
    client = ask_app(world, token="secret")
    answer = client.get("/report?task=seg&token=secret")
    assert (answer.status_code, answer.headers["location"]) == (303, "/report?task=seg")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get(answer.headers["location"]).status_code == 200


def test_the_token_does_not_lead_to_another_host(world):
    answer = ask_app(world, token="secret").get("http://localhost//evil.example/?token=secret")
    assert answer.headers["location"].startswith("/evil.example")


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", ""])
def test_a_name_that_somebody_else_points_here_is_refused(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["localhost:8765", "127.0.0.1", "[::1]:8765"])
def test_the_names_of_this_machine_are_taken(client, host):
    assert client.get("/sql", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_but_reading_is_answered(client, method):
    assert client.request(method, "/sql").status_code == 405


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_of_others_can_neither_load_anything_nor_run_a_query(client, site):
    script = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors"}
    link = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "navigate"}
    assert client.get("/progress.json", headers=script).status_code == 403
    answer = client.get("/sql?query=SELECT 7700077 %2B 7 AS answer", headers=link)
    assert "SELECT 7700077" in answer.text
    assert "7700084" not in answer.text


def test_a_query_answers_in_a_table(client):
    answer = client.get("/sql", params={"query": "SELECT 40 + 2 AS answer, '<b>' AS tag"})
    assert '<td class="number">42</td>' in answer.text
    assert "&lt;b&gt;" in answer.text


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM runs",
        "COPY runs TO 'stolen.csv'",
        "ATTACH 'other.duckdb'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT 1; SELECT 2",
        "SELECT :x",
        "nonsense",
    ],
)
def test_the_box_refuses_what_the_command_refuses(client, query, tmp_path):
    answer = client.get("/sql", params={"query": query})
    assert answer.status_code == 200
    assert "the query does not run" in answer.text
    assert "root:" not in answer.text
    assert list(tmp_path.iterdir()) == []


def test_a_query_that_takes_too_long_is_ended(world):
    endless = "SELECT COUNT(*) FROM range(100000000000) AS a(x), range(1000) AS b(y) WHERE (a.x * b.y) % 7 = 3"
    started = time.monotonic()
    with pytest.raises(QueryError, match="took longer"):
        asking.ask(world.database, endless, seconds=1.5)
    assert time.monotonic() - started < 10


def test_hostile_names_are_shown_and_not_run(client, world):
    for path, params in (
        ("/", {"search": HOSTILE}),
        ("/", {"experiment": '"><script>alert(1)</script>'}),
        (f"/run/{world.first}", {}),
        (f"/run/{world.running}", {}),
        (f"/run/{HOSTILE}", {}),
        ("/report", {"category": HOSTILE}),
        ("/cell", cell(world, HOSTILE)),
        ("/cell", cell(world, image=HOSTILE)),
        ("/compare", {"a": HOSTILE, "b": "<img src=x onerror=alert(1)>"}),
        ("/sql", {"query": f"SELECT '{HOSTILE}' AS \"<script>alert(1)</script>\""}),
        ("/nothing/<script>alert(1)</script>", {}),
    ):
        text = client.get(path, params=params).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in client.get("/cell", params=cell(world, HOSTILE)).text


def test_the_pages_hold_no_inline_script_and_no_other_host(client, world):
    for path in ("/", f"/run/{world.first}", "/report", f"/cell?run={world.first}&category=carpet", "/compare", "/sql"):
        text = client.get(path).text
        assert text.count("<script") == 1
        assert 'onclick="' not in text
        assert "http://" not in text.replace("http://www.w3.org", "")
        assert "https://" not in text


def test_runs_are_found_by_any_part_of_what_names_them(client, world):
    for search in (world.second[-8:], "FIRST", "mvtec", "SPATIAL", HOSTILE.upper()):
        assert f"/run/{world.second}" in client.get("/", params={"search": search}).text
    assert "No run matches" in client.get("/", params={"search": "nowhere"}).text
    assert "No run matches" in client.get("/", params={"search": "%"}).text


def test_the_list_turns_pages_and_sorts_in_the_database(world):
    ids = [world.image_level, world.second, world.first]
    pages = [find_runs(world.database, RunSearch(), page=page, size=2) for page in (1, 2)]
    assert [row[0] for result, _ in pages for row in result.rows] == ids
    assert {matches for _, matches in pages} == {3}
    for sort in ("variant", "semantic", "created_at"):
        column = pages[0][0].columns.index(sort)
        for direction in ("up", "down"):
            found, _ = find_runs(world.database, RunSearch(), sort=sort, direction=direction)
            values = [row[column] for row in found.rows]
            assert values == sorted(values, reverse=direction == "down")
    with pytest.raises(UsageError):
        find_runs(world.database, RunSearch(), sort="folder; DROP TABLE runs")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/?sort=folder", 400),
        ("/?k_shot=one", 400),
        ("/?page=-3", 200),
        ("/?page=999999999", 200),
        ("/?seed=99999999999999999999", 400),
        ("/run/nothing", 404),
        ("/run/..%2f..%2fetc", 404),
        ("/cell", 400),
        ("/cell?run=nothing&category=carpet", 404),
        ("/report?branch_a=max&branch_b=max", 200),
        ("/report?provenance=guessed", 200),
        ("/compare?side=a&side=b&side=c", 400),
        ("/compare?a=nothing&b=nowhere", 200),
        ("/chart.json?name=nothing", 400),
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
        ("/nothing", 404),
    ],
)
def test_what_cannot_be_meant_is_a_page_that_says_so(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    assert "Traceback" not in answer.text


def test_the_pictures_of_a_cell_are_png(client, world):
    from PIL import Image

    for kind in (
        {"kind": "picture"},
        {"kind": "truth"},
        *({"kind": "map", "branch": name} for name in ("memory", "max")),
    ):
        answer = client.get("/image.png", params=cell(world, image="hole/005.png", **kind))
        assert answer.headers["content-type"] == "image/png"
        assert Image.open(io.BytesIO(answer.content)).size == (48, 48)


@pytest.mark.parametrize(
    "more",
    [
        {"image": "../../../secret.png", "kind": "picture"},
        {"image": "/etc/passwd", "kind": "picture"},
        {"image": "hole/005.png", "kind": "picture", "category": "../carpet"},
        {"image": "hole/005.png", "kind": "picture", "run": ".."},
        {"image": "hole/005.png", "kind": "map", "branch": "../memory"},
        {"image": "hole/005.png", "kind": "anything"},
        {"image": "nothing.png", "kind": "truth"},
    ],
)
def test_no_path_leads_out_of_the_data_root(client, world, more):
    answer = client.get("/image.png", params={**cell(world), **more})
    assert answer.status_code in (400, 404, 422)
    assert answer.headers["content-type"] == "application/json"


def test_no_link_leads_out_of_the_data_root(world, tmp_path):
    shutil.copytree(world.data, tmp_path / "data")
    image = tmp_path / "data" / "mvtec" / "carpet" / "test" / "hole" / "005.png"
    image.rename(tmp_path / "secret.png")
    image.symlink_to(tmp_path / "secret.png")
    client = ask_app(world, data_root=tmp_path / "data")
    assert client.get("/image.png", params=cell(world, image="hole/004.png", kind="picture")).status_code == 200
    assert client.get("/image.png", params=cell(world, image="hole/005.png", kind="picture")).status_code == 422


def test_a_cell_without_its_images_shows_its_maps(world, tmp_path):
    text = ask_app(world, data_root=tmp_path).get("/cell", params=cell(world)).text
    assert "--data-root" in text
    assert "kind=picture" not in text
    assert "kind=map" in text


def test_the_strip_is_sorted_by_score_and_says_label_and_score(client, world):
    result = run_folder.read_category(world.runs / world.first, "carpet")
    order = sorted(range(8), key=lambda at: -result.scores["memory"][at])
    text = client.get("/cell", params=cell(world, by="memory")).text
    places = [text.index(f'<span class="hidden">{result.images[at]}:') for at in order]
    assert places == sorted(places)
    assert "anomalous, hole; memory score" in text
    normal = client.get("/cell", params=cell(world, by="memory", label="normal")).text
    assert normal.count('<span class="hidden">good/') == 4
    assert '<span class="hidden">hole/' not in normal


def test_a_cell_without_a_run_is_that_of_the_run_that_counts(client, world):
    query = {"dataset": "mvtec", "category": "carpet", "k_shot": 1, "seed": 111, "task": "seg"}
    assert client.get("/cell", params=query).headers["location"] == f"/cell?run={world.first}&category=carpet"
    assert client.get("/cell", params={**query, "k_shot": 4}).status_code == 404


@pytest.mark.parametrize("name", ["roc", "pr", "histograms"])
@pytest.mark.parametrize("run", ["first", "image_level"])
def test_a_cell_has_charts_with_their_text(client, world, name, run):
    answer = client.get("/cell-chart.json", params={**cell(world), "run": getattr(world, run), "name": name}).json()
    assert "$schema" in answer["spec"]
    assert "semantic" in answer["alt_text"]


def test_the_charts_of_the_report_follow_its_filters(client):
    for name in ("gap-heatmap", "dumbbell"):
        whole, part = (
            client.get("/chart.json", params={"name": name, **more}).text for more in ({}, {"category": "carpet"})
        )
        assert "script" in whole
        assert "script" not in part.replace("$schema", "").replace("description", "")
    nothing = client.get("/chart.json", params={"name": "dumbbell", "category": "nothing"})
    assert nothing.status_code == 200
    assert nothing.json()["alt_text"].startswith("Nothing to draw")


# Where all contenders tie everywhere SciPy divides zero by zero; the page shows the chart without that number.
@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
def test_every_chart_of_the_report_is_drawn_or_says_why_not(client):
    from promptad_db.plots import PLOTS

    for name in (plot.name for plot in PLOTS.values() if not plot.one_cell):
        answer = client.get("/chart.json", params={"name": name})
        assert answer.status_code == 200
        assert answer.json()["alt_text"]


def test_two_ticked_runs_are_compared_the_older_one_first(client, world):
    text = client.get("/compare", params=[("side", world.second), ("side", world.first)]).text
    assert f"a is run {world.first}, b is run {world.second}" in text


def test_a_running_run_tells_how_far_it_is(tmp_path, world):
    shutil.copytree(world.runs / world.running, tmp_path / "runs" / world.running)
    client = TestClient(create_app(tmp_path / "none.duckdb", tmp_path / "runs"), base_url="http://localhost")
    (run,) = client.get("/progress.json").json()
    assert (run["done"], run["planned"], run["seems_dead"]) == (1, 3, False)
    grow(tmp_path / "runs" / world.running, "tile")
    (run,) = client.get("/progress.json").json()
    assert (run["done"], run["last"]) == (2, "tile")
    assert "2 of 3" in client.get(f"/run/{world.running}").text
    run_folder.update_run(tmp_path / "runs" / world.running, status="finished")
    assert client.get("/progress.json").json() == []


def test_a_run_that_is_silent_for_long_seems_dead(world, monkeypatch):
    watched = live.LiveRuns([world.runs])
    assert [run.seems_dead for run in watched.running()] == [False]
    monkeypatch.setattr(live, "SILENT_AFTER", -live.SILENT_AFTER)
    assert [run.seems_dead for run in watched.running()] == [True]


def test_a_broken_run_folder_does_not_hide_the_others(tmp_path, world):
    shutil.copytree(world.runs / world.running, tmp_path / world.running)
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "run.json").write_text("{")
    assert [run.info.run_id for run in live.LiveRuns([tmp_path]).running()] == [world.running]


def test_a_missing_database_says_what_makes_one(tmp_path):
    client = TestClient(create_app(tmp_path / "none.duckdb", tmp_path), base_url="http://localhost")
    for path in ("/", "/report", "/compare", "/sql?query=SELECT 1"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "promptad-db ingest PATH" in answer.text
    assert not (tmp_path / "none.duckdb").exists()


def test_an_empty_database_is_not_an_error(tmp_path):
    migrate.init(tmp_path / "new.duckdb")
    client = TestClient(create_app(tmp_path / "new.duckdb", tmp_path), base_url="http://localhost")
    for path in ("/", "/report", "/compare", "/sql?query=SELECT COUNT(*) FROM runs"):
        assert client.get(path).status_code == 200
    assert "The database holds no runs yet" in client.get("/").text


def test_a_locked_database_is_a_page_that_asks_again(world, client, monkeypatch):
    monkeypatch.setenv("PROMPTAD_LOCK_TIMEOUT", "0.1")
    with locked(world.database, exclusive=True):
        answer = client.get("/")
    assert answer.status_code == 503
    assert answer.headers["refresh"] == answer.headers["retry-after"] == "3"
    assert "locked" in answer.text
    assert client.get("/").status_code == 200


def test_pages_and_queries_at_the_same_time_do_not_disturb_each_other(world):
    client = ask_app(world)
    answers = []
    paths = ["/", "/report", "/sql?query=SELECT COUNT(*) AS n FROM runs", f"/run/{world.first}"] * 2
    threads = [
        threading.Thread(target=lambda path=path: answers.append(client.get(path).status_code)) for path in paths
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * len(paths)


def test_the_app_changes_nothing(world, client):
    before = {path: path.stat().st_mtime_ns for path in world.database.parent.rglob("*") if path.is_file()}
    for path in PAGES:
        client.get(path)
    after = {path: path.stat().st_mtime_ns for path in world.database.parent.rglob("*") if path.is_file()}
    lock = Path(f"{world.database}.lock")
    assert {path: time for path, time in after.items() if path != lock} == {
        path: time for path, time in before.items() if path != lock
    }


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_these_hosts_are_this_machine(host):
    assert serving.is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])
def test_these_hosts_need_a_token(host):
    assert not serving.is_loopback(host)


def test_a_port_in_use_is_named(cli):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = cli("ui", "--port", taken.getsockname()[1])
    assert answer.code == 2
    assert "--port" in answer.err


def test_a_host_that_is_not_here_is_named(cli):
    answer = cli("ui", "--host", "192.0.2.1", "--port", "0")
    assert answer.code == 2
    assert "192.0.2.1" in answer.err


def test_without_the_extra_the_command_says_what_to_install(cli, monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "promptad_db.ui.serving", raising=False)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    answer = cli("ui")
    assert answer.code == 2
    assert "pip install 'promptad-db[ui]'" in answer.err
