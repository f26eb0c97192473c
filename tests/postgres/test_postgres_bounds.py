"""When a query is said to have been ended, the server has ended it, whoever asked it and however they went away."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from measured_runs import Laboratory, both

from promptad_db import open_db
from promptad_db.db import index_folders
from promptad_db.errors import QueryError
from promptad_db.ui import asking

ENDLESS = (
    "SELECT pg_sleep(600)",
    "SELECT COUNT(*) FROM generate_series(1, 1000000) AS a, generate_series(1, 1000000) AS b WHERE (a + b) % 7 = 9",
    "WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT (a + 1) % 1000 FROM r) SELECT MAX(a) FROM r",
    "EXPLAIN ANALYZE SELECT pg_sleep(600)",
)


def running(server, database):
    sql = "SELECT query FROM pg_stat_activity WHERE application_name = 'promptad-db' AND datname = current_database() AND state = 'active'"
    return server.run(sql, database)


@pytest.mark.parametrize("query", ENDLESS)
def test_a_query_is_ended_on_the_server_when_its_time_is_over(server, database, address, cli, query):
    for ask in (
        lambda: open_db(address, timeout=0.5).query(query),
        lambda: cli("sql", "--timeout", "0.5", "--db", address, query),
        lambda: asking.ask(address, query, seconds=0.5),
    ):
        try:
            said = ask().err
        except QueryError as error:
            said = str(error)
        assert running(server, database) == []
        assert "the query took longer than 0.5 s and was ended" in said


def test_the_server_ends_a_query_by_itself(server, database, address):
    """Nobody is there to cancel it when the process that asked is stopped."""
    with open_db(address, timeout=1)._connection() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "1s"
        assert connection.exec_driver_sql("SHOW temp_file_limit").scalar() == "4GB"
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
    command = [sys.executable, "-m", "promptad_db", "sql", "--timeout", "0", "--db", address, ENDLESS[1]]
    asking = subprocess.Popen(command)
    ended = time.monotonic() + 20
    while not any(row[0].startswith("FETCH") for row in running(server, database)) and time.monotonic() < ended:
        time.sleep(0.1)
    assert running(server, database)
    asking.kill()
    asking.wait()
    while running(server, database) and time.monotonic() < ended:
        time.sleep(0.1)
    assert running(server, database) == []


def test_a_reader_blocks_no_writer(server, database, address):
    """Our advisory locks cannot be taken by SQL that somebody typed, and a slow reader holds none."""
    with pytest.raises(QueryError, match="pg_advisory_lock is not allowed"):
        open_db(address).query("SELECT pg_advisory_lock(1346454594, 0)")
    command = [
        sys.executable,
        "-m",
        "promptad_db",
        "sql",
        "--timeout",
        "3",
        "--db",
        address,
        "SELECT pg_sleep(60) FROM runs",
    ]
    index_folders([Laboratory().run({"tile": both(0.5, 0.6)})], address)
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as reader:
        started = time.monotonic()
        while not running(server, database) and time.monotonic() < started + 20:
            time.sleep(0.1)
        started = time.monotonic()
        laboratory = Laboratory()
        laboratory.minutes = 5
        index_folders([laboratory.run({"tile": both(0.5, 0.6)})], address)
        assert time.monotonic() - started < 2
        reader.wait()


def test_too_much_memory_is_told(address):
    for query in ("SELECT repeat('x', 600000000)", "SELECT repeat('x', 100000000) FROM generate_series(1, 100)"):
        with pytest.raises(QueryError, match=r"needs more than 0\.5 GB"):
            open_db(address, memory=1 << 29).query(query)
    with pytest.raises(QueryError, match="needs more than"):
        open_db(address, memory=1 << 20).query("SELECT * FROM generate_series(1, 1000000) AS a ORDER BY -a")


def test_a_plan_is_printed_with_its_line_breaks(address, cli):
    for options in ("", "ANALYZE", "(FORMAT json)", "(FORMAT yaml, COSTS off)"):
        plan = cli("sql", f"EXPLAIN {options} SELECT COUNT(*) FROM branch_gap", "--db", address).out
        assert len(plan.splitlines()) > 5
        assert "QUERY PLAN" not in plan
        assert max(map(len, plan.splitlines())) < 1000


def test_reports_bind_what_users_give(address, cli):
    hostile = 'o\'clock \\ "x" ü %s :x'
    index_folders([Laboratory().run({"tile": both(0.5, 0.6)}, experiment=hostile)], address)
    for words in (("report",), ("compare", "semantic", "memory"), ("check",), ("plot", "dumbbell", "-o", "x.html")):
        answer = cli(*words, "--experiment", hostile, "--db", address)
        assert answer.code == 0, answer.err
        other = cli(*words, "--experiment", f"{hostile}'; DROP TABLE runs; --", "--db", address)
        assert other.code == 5, other.err
    assert open_db(address).query("SELECT experiment FROM runs").rows == [(hostile,)]
