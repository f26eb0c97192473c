"""A query has bounds, of time and of memory, on the command line, in Python and in the web app, and each says so."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
import time

import duckdb
import pytest

from promptad_db import ingest, open_db
from promptad_db.db.guard.bounds import Bounds
from promptad_db.errors import QueryError, UsageError
from promptad_db.result_set import ResultSet
from promptad_db.ui import asking

ENDLESS = "SELECT COUNT(*) FROM range(100000000000) AS a(x), range(1000) AS b(y) WHERE (a.x * b.y) % 7 = 3"
LARGE = [
    "SELECT repeat('x', 3000000000)",
    "SELECT LIST(range) FROM range(10000000000)",
    "SELECT repeat('x', 100000000) FROM range(100)",
    "SELECT [repeat('x', 100000) FOR i IN range(100000)]",
    "SELECT * FROM range(400000000) ORDER BY hash(range)",
    "WITH RECURSIVE r(a) AS (SELECT repeat('x', 1000) UNION ALL SELECT a || a FROM r) SELECT MAX(LENGTH(a)) FROM r",
]
ALONE = """
import sys
from promptad_db import open_db
from promptad_db.errors import QueryError
try:
    open_db(memory=1 << 30).query(sys.argv[1])
except QueryError as error:
    print(error)
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(int(status["VmHWM"].split()[0]) // 1024)  # ru_maxrss would count what was there before exec
"""


@pytest.fixture
def database(make_run):
    make_run({"carpet": {"semantic": 0.5, "memory": 0.75}})
    ingest("runs")
    return open_db()


@pytest.mark.parametrize("query", [ENDLESS, "WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM r) FROM r SELECT 1",
                                   "SELECT sleep_ms(60000)"])  # fmt: skip
def test_a_query_is_ended_when_its_time_is_over(database, cli, query):
    for ask in (lambda: open_db(timeout=0.5).query(query), lambda: cli("sql", "--timeout", "0.5", query)):
        started = time.monotonic()
        try:
            said = ask().err
        except QueryError as error:
            said = str(error)
        assert time.monotonic() - started < 8
        assert "the query took longer than 0.5 s and was ended" in said
        assert "--timeout" in said
    assert database.query("SELECT COUNT(*) FROM runs").rows == [(1,)]


def test_the_time_counts_until_the_last_row(database):
    with pytest.raises(QueryError, match="took longer"):
        open_db(timeout=1).query("SELECT sleep_ms(2) FROM range(10000000)")
    assert open_db(timeout=None).query("SELECT 1").rows == [(1,)]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone says how large a process is")
@pytest.mark.parametrize("query", LARGE)
def test_a_query_is_ended_when_it_needs_too_much_memory(database, query):
    answer = subprocess.run(
        [sys.executable, "-c", ALONE, query], capture_output=True, text=True, check=True, timeout=120
    )
    said, used = answer.stdout.rsplit("\n", 2)[:2]
    assert "the query needs more than 1 GB of memory and was ended" in said
    assert "--memory" in said
    assert int(used) < 1400


def test_the_command_says_that_a_query_needs_too_much_memory(database, cli):
    answer = cli("sql", "--memory", "0.5", LARGE[0])
    assert (answer.code, "needs more than 0.5 GB of memory" in answer.err) == (2, True)


def test_the_process_may_grow_again_behind_a_query(database):
    before = resource.getrlimit(resource.RLIMIT_AS)
    with Bounds(memory=1 << 20).kept(lambda: None):
        assert resource.getrlimit(resource.RLIMIT_AS) != before
        with Bounds(memory=1 << 30).kept(lambda: None):  # of another thread
            pass
        assert resource.getrlimit(resource.RLIMIT_AS) != before
    with pytest.raises(QueryError, match="needs more than"):
        _grow(Bounds(memory=1 << 20))
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def _grow(bounds):
    with bounds.kept(lambda: None):
        bytearray(1 << 30)


def test_a_query_that_cannot_be_interrupted_ends_the_command(database):
    query = "SELECT levenshtein(repeat('a', 1000000), repeat('b', 1000000))"
    started = time.monotonic()
    command = [sys.executable, "-m", "promptad_db", "sql", "--timeout", "0.5", query]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (answer.returncode, "took longer than 0.5 s" in answer.stderr) == (2, True)
    assert time.monotonic() - started < 20
    with duckdb.connect("promptad.duckdb"):  # nothing is left that holds it
        pass


def test_the_web_app_ends_both_within_its_own_process(database, monkeypatch):
    with pytest.raises(QueryError, match=r"longer than 0\.5 s and was ended"):
        asking.ask(database.path, ENDLESS, seconds=0.5)
    with pytest.raises(QueryError, match="needs more than 2 GB"):
        asking.ask(database.path, LARGE[0])


def test_few_queries_are_asked_at_the_same_time(database):
    for _ in range(asking.AT_ONCE):
        asking._turns.acquire()
    try:
        with pytest.raises(QueryError, match="3 other queries"):
            asking.ask(database.path, "SELECT 1", seconds=0.1)
    finally:
        for _ in range(asking.AT_ONCE):
            asking._turns.release()
    for query in ("SELECT 1", "nonsense") * 2:  # each gives its turn back
        with contextlib.suppress(QueryError):
            asking.ask(database.path, query)


def test_a_long_cell_does_not_reach_the_server(database):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = asking.ask(database.path, "SELECT repeat('x', 200000000), range(1000000), repeat('y', 2000), 1.5").rows
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000
    text, numbers, whole, number = rows[0]
    assert text.startswith("xxx")
    assert text.endswith("(cut, 200000000 characters)")
    assert numbers.startswith("[0, 1, 2, ")
    assert len(numbers) < 2100
    assert whole == "y" * 2000
    assert float(number) == 1.5


def test_an_answer_that_is_too_large_for_a_page_is_cut_by_rows(database):
    answer = asking.ask(database.path, "SELECT repeat('x', 2000) AS a, repeat('y', 2000) AS b, * FROM range(1500)")
    assert answer.cut
    assert 500 < len(answer.rows) < 1000 + 50
    assert sum(
        len(str(cell)) for row in asking.for_a_page(ResultSet(("a",), [("x" * 1999,)] * 5000)).rows for cell in row
    ) < (4 << 20)
    with pytest.raises(QueryError, match="too large for a page"):
        asking.for_a_page(ResultSet(("a",), [(1,) * 500_000]))


def test_a_long_cell_is_cut_in_a_table_alone(database, cli):
    query = "SELECT repeat('x', 150000) AS a"
    table = cli("sql", query).out
    assert "(cut, 150000 characters)" in table
    assert "x" * 150_000 in cli("sql", query, "--format", "csv").out
    assert "x" * 150_000 in cli("sql", query, "--format", "json").out


def test_a_plan_is_printed_with_its_line_breaks(database, cli):
    plan = cli("sql", "EXPLAIN SELECT COUNT(*) FROM metrics JOIN runs USING (run_id)").out
    assert max(map(len, plan.splitlines())) < 200
    assert "┌──" in plan
    assert "explain" not in plan
    assert "\x1b" not in cli("sql", "EXPLAIN SELECT '\x1b[31m'").out
    assert '"name"' in cli("sql", "EXPLAIN (FORMAT json) SELECT 1").out
    assert cli("sql", "EXPLAIN SELECT 1", "--format", "csv").out.startswith("explain_key,explain_value")


def test_a_plan_is_text_in_the_web_app_too(database):
    from starlette.testclient import TestClient

    from promptad_db.ui.app import create_app

    client = TestClient(create_app("promptad.duckdb", hosts=["testserver"]))
    page = client.get("/sql", params={"query": "EXPLAIN SELECT '<b>' FROM runs"}).text
    plan = page.partition('<pre class="plan"')[2].partition("</pre>")[0]
    assert len(plan.splitlines()) > 5
    assert "&lt;b&gt;" in plan
    assert "<b>" not in plan


def test_the_character_nul_is_refused_at_the_door(database, cli):
    from starlette.testclient import TestClient

    from promptad_db.ui.app import create_app

    for values in ({"x": "a\0b"}, {"x": ["a", "b\0"]}):
        with pytest.raises(UsageError, match="x: holds the character NUL"):
            database.query("SELECT :x", **values)
    with pytest.raises(UsageError, match="NUL"):
        database.query("SELECT 'a\0b'")
    with pytest.raises(UsageError, match="UTF-8"):
        database.query("SELECT :x", x="\ud800")
    client = TestClient(create_app("promptad.duckdb", hosts=["testserver"]))
    for address in ("/report?experiment=%00", "/report?task=a%00", "/?search=%00", "/compare?a=%00&b=x", "/?tag=%00",
                    "/cell?run=%00&category=x", "/chart.json?name=dumbbell&experiment=%00", "/run/%00", "/?%00=x",
                    "/sql?query=SELECT%20%00"):  # fmt: skip
        answer = client.get(address)
        assert (answer.status_code, "NUL" in answer.text) == (400, True), address


def test_a_stored_text_with_nul_and_quotes_spoils_no_report(database, cli, make_run):
    """Databases that were written before it was refused hold such texts; they are compared as any other."""
    make_run({"carpet": {"semantic": 0.5, "memory": 0.75}}, experiment='o\'clock \\ "x" ü')
    assert cli("ingest", "runs").code == 0
    assert cli("report", "--experiment", 'o\'clock \\ "x" ü').code == 0
    with duckdb.connect("promptad.duckdb") as connection:
        connection.execute("UPDATE runs SET experiment = 'a' || chr(0) || 'b'")
    for words in (("report",), ("check",), ("audit",), ("runs", "list"), ("plot", "dumbbell", "-o", "x.html")):
        answer = cli(*words)
        assert answer.code in (0, 5), answer.err
    assert "0.75" not in cli("report").err
    assert cli("report", "--format", "csv").out
