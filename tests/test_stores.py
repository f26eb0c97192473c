"""Every command over run folders and data on a store: the same numbers, and nothing lost when a process dies."""

from __future__ import annotations

import json
import random
import subprocess
import time

import pytest
from starlette.testclient import TestClient
from stores import snapshot, upload
from test_sweep import CATEGORIES, OPTIONS, PROGRAM, assert_same, results, run_plainly, wait_for
from ui_place import HOSTILE, make_world

import promptad_db
from promptad_db import run_folder
from promptad_db.storage import folder_at
from promptad_db.sweeps.grid import Grid
from promptad_db.ui.app import create_app

pytestmark = pytest.mark.slow

WORDS = ["--model", "tiny", "--epochs", "2", "--resolution", "60", "--batch-size", "4"]


@pytest.fixture(scope="module")
def plain(pictures, tmp_path_factory):
    """What run makes of the grid, all on this machine."""
    grid = Grid(experiment="e", data_roots={"synthetic": pictures}, options=OPTIONS)
    return results(run_plainly(grid, tmp_path_factory.mktemp("plain")))


@pytest.fixture
def on_store(pictures, store):
    """The arguments for data and run folders on a store."""
    upload(pictures, f"{store}/data")
    return ["--dataset", "synthetic", "--data-root", f"{store}/data", "--experiment", "e", "--runs", f"{store}/runs"]


def finished(store):
    """How many categories there are, whole."""
    root = folder_at(store)
    return sum(name.endswith("/complete.json") for name in root.fs.find(f"{root.path}/runs"))


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_a_run_killed_on_a_store_goes_on_and_ends_as_one_on_this_machine(on_store, store, plain, tmp_path):
    command = [
        *PROGRAM,
        "run",
        *WORDS,
        *on_store,
        "--task",
        "cls,seg",
        "--db",
        str(tmp_path / "one.duckdb"),
        "--resume",
    ]
    chance = random.Random(store)
    for _ in range(3):
        before = finished(store)
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            wait_for(lambda before=before, process=process: finished(store) > before or process.poll() is not None)
            time.sleep(chance.uniform(0, 0.3))
            process.kill()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    folders = run_folder.find_runs(folder_at(f"{store}/runs"))
    assert sorted(done.stdout.split()) == sorted(map(str, folders))
    assert_same(results(folders), plain)
    names = snapshot(f"{store}/runs")
    assert {
        len([one for one in names if f"/{name}/v-" in one and one.endswith("metrics.json")]) for name in CATEGORIES
    } == {2}
    rows = promptad_db.open_db(tmp_path / "one.duckdb").query("SELECT COUNT(*) FROM run_categories").rows
    assert rows == [(4,)]


@pytest.mark.parametrize("store", ["sftp"], indirect=True)
def test_a_sweep_over_a_store_equals_one_on_this_machine(on_store, store, plain, cli, tmp_path):
    db = ["--db", str(tmp_path / "one.duckdb")]
    command = [*PROGRAM, "sweep", *WORDS, *on_store, "--task", "cls,seg", "--workers", "2", "--threads", "1", *db]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        wait_for(lambda: finished(store) or process.poll() is not None)
        process.kill()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert_same(results(run_folder.find_runs(folder_at(f"{store}/runs"))), plain)
    told = cli("sweep", "status", "--runs", f"{store}/runs", *db, "--format", "json").out
    (row,) = json.loads(told)["sweep"]
    assert [row[name] for name in ("cells", "done", "missing")] == [4, 4, 0]


@pytest.mark.parametrize("store", ["gs"], indirect=True)
def test_reports_check_plots_and_the_web_app_read_runs_on_a_store(store, cli, tmp_path):
    world = make_world(tmp_path)
    for folder in run_folder.find_runs(world.runs):
        if run_folder.read_run(folder).status != "running":
            run_folder.copy_run(folder, folder_at(f"{store}/runs"))
    db = tmp_path / "store.duckdb"
    assert cli("rebuild", f"{store}/runs", "--db", db).code == 0
    for words in (
        ["report"],
        ["check"],
        ["audit"],
        ["report", "--format", "json"],
        ["compare", world.first, world.second],
    ):
        assert cli(*words, "--db", db)[:2] == cli(*words, "--db", world.database)[:2]
    pages = [cli("report", "--format", "html", "--db", one).out for one in (db, world.database)]
    assert pages[0].count("<img") == pages[1].count("<img")
    for words in (
        ["fuse", "--rule", "mean"],
        ["plot", "roc", "--run", world.first, "--category", "carpet", "-o", str(tmp_path / "roc.svg")],
    ):
        answer = cli(*words, "--db", db)
        assert answer.code == 0, answer.err
    with TestClient(create_app(db, folder_at(f"{store}/runs")), base_url="http://localhost") as app:
        page = app.get("/cell", params={"run": world.first, "category": HOSTILE})
        assert page.status_code == 200, page.text
    assert cli("runs", "delete", world.second, "--yes", "--db", db).code == 0
    assert not run_folder.is_run_folder(folder_at(f"{store}/runs/{world.second}"))
    assert run_folder.is_run_folder(folder_at(f"{store}/runs/.trash/{world.second}"))
