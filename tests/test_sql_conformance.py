"""What SQL may do is the same on the command line, in Python and in the web app, and nothing of it leaves a trace."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest
from sql_conformance import DUCKDB_ALLOWED, DUCKDB_FORBIDDEN, FILE

from promptad_db import open_db
from promptad_db.db.guard.duckdb import HARMLESS, TABLE_FUNCTIONS
from promptad_db.errors import QueryError


def generated():
    """Every function that DuckDB has and does not ask for rows alone, in the places where it could stand."""
    with duckdb.connect() as connection:
        rows = connection.execute(
            "SELECT DISTINCT function_type, function_name, has_side_effects FROM duckdb_functions() ORDER BY ALL"
        ).fetchall()
    queries = []
    for kind, name, effects in rows:
        if kind in ("table", "table_macro") and name not in TABLE_FUNCTIONS:
            queries += [f"SELECT * FROM {name}('{FILE}')", f"EXPLAIN ANALYZE WITH t AS (FROM {name}()) FROM t"]
        elif kind == "pragma":
            queries += [f"PRAGMA {name}", f"EXPLAIN ANALYZE PRAGMA {name}('{FILE}')", f"CALL {name}('{FILE}')"]
        elif effects and name not in HARMLESS:
            queries += [f"SELECT {name}('x')", f"SELECT * FROM runs WHERE {name}('x') IS NULL"]
    return queries


GENERATED = generated()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a database and a run folder beside files that nobody may reach; unchanged to the byte at the end."""
    from promptad_db import ingest, run_folder
    from promptad_db.records import CategoryResult, Metric, RunInfo

    folder = tmp_path_factory.mktemp("conformance")
    created_at = run_folder.now()
    run_id = run_folder.new_run_id(created_at, dataset="mvtec", k_shot=1, seed=1, task="seg")
    info = RunInfo(run_id, "e", "m", "baseline", "seg", "mvtec", 1, 1, created_at, status="finished")
    run = run_folder.create_run(folder / "runs", info)
    for category in ("carpet", "tile"):
        metrics = [Metric("pixel", branch, "auroc", 0.75, "reported") for branch in ("semantic", "memory")]
        run_folder.write_category(run, CategoryResult(category, metrics=metrics))
    ingest(folder / "runs", db=folder / FILE)
    (folder / "x.csv").write_text("secret\n42\n")
    before = state(folder)
    yield folder
    assert state(folder) == before


@pytest.fixture(autouse=True)
def _in_its_folder(place, monkeypatch):
    monkeypatch.chdir(place)


def state(folder):
    files = {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
    return files, dict(os.environ).keys()


def test_there_are_enough_of_them():
    assert len(DUCKDB_FORBIDDEN) + len(GENERATED) >= 300
    assert len(DUCKDB_FORBIDDEN) >= 140
    assert len(DUCKDB_ALLOWED) >= 60


@pytest.mark.parametrize("query", DUCKDB_FORBIDDEN)
def test_what_is_forbidden_does_not_run(query):
    with pytest.raises(QueryError, match="does not run"):
        print(open_db(FILE).query(query).rows)


def test_no_function_that_does_more_than_ask_runs():
    database, refused = open_db(FILE), {}
    for query in GENERATED:
        with pytest.raises(QueryError) as error:
            print(query, database.query(query).rows)
        refused[query] = str(error.value)
    told = ("not allowed", "Parser Error")  # PRAGMA show is none
    assert [query for query, said in refused.items() if not any(word in said for word in told)] == []


@pytest.mark.parametrize("query", DUCKDB_ALLOWED)
def test_what_is_allowed_runs(query):
    assert open_db(FILE).query(query).columns


def test_every_table_function_that_is_allowed_takes_no_path():
    """Those that take a text look it up among the tables."""
    database = open_db(FILE)
    for name in sorted(TABLE_FUNCTIONS):
        try:
            answer = database.query(f"SELECT * FROM {name}('{FILE}')", limit=1)
        except QueryError:
            continue
        print(name, answer.rows)
        assert name in ("repeat", "repeat_row", "unnest")


@pytest.mark.parametrize("query", [*DUCKDB_FORBIDDEN[::9], *GENERATED[::23]])
def test_the_command_refuses_it_too(cli, query):
    answer = cli("sql", query, "--db", FILE)
    assert (answer.code, answer.out) == (2, "")
    assert "does not run" in answer.err


@pytest.mark.parametrize("query", DUCKDB_ALLOWED[::7])
def test_the_command_runs_it_too(cli, query):
    answer = cli("sql", query, "--db", FILE)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out


@pytest.mark.parametrize("query", [*DUCKDB_FORBIDDEN[::37], *GENERATED[::101]])
def test_the_web_app_refuses_it_too(client, query):
    answer = client.get("/sql", params={"query": query})
    assert answer.status_code == 200
    assert "does not run" in answer.text


@pytest.mark.parametrize("query", DUCKDB_ALLOWED[::23])
def test_the_web_app_runs_it_too(client, query):
    answer = client.get("/sql", params={"query": query})
    assert 'class="problem"' not in answer.text
    assert 'role="status"' in answer.text


@pytest.fixture
def client(place):
    from starlette.testclient import TestClient

    from promptad_db.ui.app import create_app

    return TestClient(create_app(place / FILE, Path("runs"), hosts=["testserver"]))
