"""What SQL may do on PostgreSQL is what the server itself says of it, and it leaves nothing there: no row, lock or setting."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

import pytest
from measured_runs import Laboratory, both
from sql_conformance import POSTGRES_ALLOWED, POSTGRES_FORBIDDEN

from promptad_db import open_db
from promptad_db.db import index_folders
from promptad_db.db.guard.postgres import HARMLESS, REFUSED
from promptad_db.errors import QueryError

CALLABLE = """
SELECT proname, ARRAY(SELECT format_type(kind, NULL) FROM UNNEST(proargtypes) AS kind), provariadic <> 0
FROM pg_proc
WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind = 'f' AND provolatile = 'v'
    AND prorettype NOT IN (SELECT oid FROM pg_type WHERE typtype = 'p' AND typname NOT IN ('record', 'void'))
    AND NOT proargtypes::oid[] && ARRAY(SELECT oid FROM pg_type WHERE typtype = 'p')
ORDER BY oid
"""


@pytest.fixture(scope="module")
def place(server, new_database, tmp_path_factory):
    """A database with a run, as a superuser sees it; at the end its rows, settings, locks and sessions are as before."""
    name = new_database()
    address = server.address(name)
    folder = tmp_path_factory.mktemp("conformance")
    with contextlib.chdir(folder):
        index_folders([Laboratory().run({"carpet": both(0.5, 0.6), "tile": both(0.75, 0.5)}).absolute()], address)
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    before = traces(server, name)
    yield address
    assert traces(server, name) == before
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    server.run(f"DROP DATABASE {name} WITH (FORCE)")


def traces(server, name):
    """All that SQL could leave behind; a session needs a moment to end."""
    sessions = (
        "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'promptad-db' AND datname = current_database()"
    )
    ended = time.monotonic() + 10
    while server.run(sessions, name) != [(0,)] and time.monotonic() < ended:
        time.sleep(0.1)
    return [
        server.run(query, name)
        for query in (
            sessions,
            "SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory'",
            "SELECT name, setting FROM pg_settings WHERE name NOT LIKE 'application_name' ORDER BY name",
            "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting",
            "SELECT oid, relname, relkind FROM pg_class WHERE oid >= 16384 ORDER BY oid",
            "SELECT oid, proname FROM pg_proc WHERE oid >= 16384 ORDER BY oid",
            "SELECT rolname FROM pg_roles ORDER BY 1",
            "SELECT loid FROM pg_largeobject",
            "SELECT slot_name FROM pg_replication_slots",
            "SELECT gid FROM pg_prepared_xacts",
            "SELECT * FROM runs ORDER BY run_id",
            "SELECT * FROM run_categories ORDER BY run_id, category",
            "SELECT * FROM metrics ORDER BY run_id, category, branch, metric",
            "SELECT * FROM run_tags",
        )
    ]


def test_there_are_enough_of_them(server):
    assert len(POSTGRES_FORBIDDEN) >= 150
    assert len(POSTGRES_ALLOWED) >= 60
    assert len(server.run(CALLABLE)) > 100


@pytest.mark.parametrize("query", POSTGRES_FORBIDDEN)
def test_what_is_forbidden_does_not_run(place, query):
    with pytest.raises(QueryError, match=r"does not run|is empty"):
        print(open_db(place).query(query).rows)


def test_no_function_that_may_do_more_than_compute_runs(server, place):
    database, passed = open_db(place), []
    for name, kinds, variadic in server.run(CALLABLE):
        values = [f"NULL::{kind}" for kind in kinds]
        if variadic:
            values[-1] = f"VARIADIC {values[-1]}"
        query = f"SELECT {name}({', '.join(values)})"
        if name in HARMLESS:
            continue
        with pytest.raises(QueryError) as error:
            print(query, database.query(query).rows)
        if f"the function {name} is not allowed" not in str(error.value):
            passed.append((query, str(error.value)))
    assert passed == []


def test_what_is_refused_by_name_is_there_or_was(server):
    """A name that is misspelled would refuse nothing."""
    known = {row[0] for row in server.run("SELECT proname FROM pg_proc")}
    assert {name for name in REFUSED - known if not name.startswith(("cursor", "query"))} == set()
    assert HARMLESS - known <= {"random_normal", "uuidv4", "uuidv7"}  # of newer versions


@pytest.mark.parametrize("query", POSTGRES_ALLOWED)
def test_what_is_allowed_runs(place, query):
    open_db(place).query(query)


def test_every_view_of_the_server_that_reads_no_files_can_be_asked(server, place):
    refused = []
    for schema, name in server.run(
        "SELECT schemaname, viewname FROM pg_views WHERE schemaname IN ('pg_catalog', 'information_schema') ORDER BY 2"
    ):
        try:
            open_db(place).query(f"SELECT * FROM {schema}.{name}", limit=3)
        except QueryError as error:
            refused.append((name, "not allowed" in str(error)))
    assert all(told for _, told in refused)
    assert {name for name, _ in refused} <= {
        "pg_available_extension_versions", "pg_available_extensions", "pg_backend_memory_contexts", "pg_file_settings",
        "pg_hba_file_rules", "pg_ident_file_mappings", "pg_prepared_xacts", "pg_replication_origin_status",
        "pg_shmem_allocations", "pg_stat_recovery_prefetch", "pg_stat_xact_all_tables", "pg_stat_xact_sys_tables",
        "pg_stat_xact_user_functions", "pg_stat_xact_user_tables", "pg_wait_events", "pg_aios",
    }  # fmt: skip


def test_a_function_that_somebody_made_is_refused_whatever_it_says_of_itself(server, place):
    name = place.split("/")[3].partition("?")[0]
    server.run("CREATE FUNCTION lock_all() RETURNS void IMMUTABLE LANGUAGE sql AS 'SELECT pg_advisory_lock(1)'", name)
    server.run("CREATE FUNCTION plus(int, int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + $2'", name)
    server.run("CREATE OPERATOR <%> (LEFTARG = int, RIGHTARG = int, FUNCTION = plus)", name)
    try:
        for query in (
            "SELECT lock_all()",
            "SELECT 1 WHERE lock_all() IS NULL",
            "SELECT 1 <%> 2",
            "SELECT * FROM lock_all()",
        ):
            with pytest.raises(QueryError, match="none of PostgreSQL's own"):
                open_db(place).query(query)
    finally:
        server.run("DROP OPERATOR <%> (int, int)", name)
        server.run("DROP FUNCTION lock_all, plus", name)


def test_values_are_bound_and_their_types_decide_which_function_is_meant(place):
    database = open_db(place)
    hostile = "'; DROP TABLE runs; --"
    assert database.query("SELECT :x AS x, :y AS y, '50 %' AS z", x=hostile, y=None).rows == [(hostile, None, "50 %")]
    assert database.query("SELECT CAST(:x AS INTEGER) + 1 AS a WHERE :z = ANY(:y)", x=1, y=[1, 2], z=2).rows == [(2,)]
    assert database.query("EXPLAIN SELECT * FROM runs WHERE run_id = :x", x="a").rows
    with pytest.raises(QueryError, match="pg_read_file"):
        database.query("SELECT pg_read_file(:x)", x="PG_VERSION")
    with pytest.raises(QueryError, match="set_config"):
        database.query("EXPLAIN ANALYZE SELECT set_config(:x, :y, false)", x="work_mem", y="1MB")


@pytest.mark.parametrize("query", POSTGRES_FORBIDDEN[::12])
def test_the_command_refuses_it_too(cli, place, query):
    answer = cli("sql", query, "--db", place)
    assert (answer.code, answer.out) == (2, "")
    assert "does not run" in answer.err


@pytest.mark.parametrize("query", POSTGRES_ALLOWED[::9])
def test_the_command_runs_it_too(cli, place, query):
    answer = cli("sql", query, "--db", place)
    assert (answer.code, answer.err) == (0, "")


@pytest.mark.parametrize("query", POSTGRES_FORBIDDEN[::45])
def test_the_web_app_refuses_it_too(client, query):
    answer = client.get("/sql", params={"query": query})
    assert answer.status_code == 200
    assert "does not run" in answer.text


@pytest.mark.parametrize("query", POSTGRES_ALLOWED[::25])
def test_the_web_app_runs_it_too(client, query):
    assert 'role="status"' in client.get("/sql", params={"query": query}).text


@pytest.fixture
def client(place):
    from starlette.testclient import TestClient

    from promptad_db.ui.app import create_app

    return TestClient(create_app(place, Path("runs"), hosts=["testserver"]))
