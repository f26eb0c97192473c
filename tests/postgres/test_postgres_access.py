"""Who may do what: addresses and passwords, roles, and the open door for SQL."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from measured_runs import Laboratory, both

from promptad_db import open_db
from promptad_db.db import database_path, db_option, index_folders
from promptad_db.errors import DatabaseError, QueryError, UsageError

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "postgresql.md"
PASSWORD = "s3cret&'word"


@pytest.fixture(scope="module")
def roles(server):
    """The database of the documentation, made by the SQL that stands there; addresses by role."""
    from promptad_db.db.engine.migrate import init

    superuser, owner = re.findall(r"```sql\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    for statement in filter(str.strip, superuser.split(";")):
        server.run(statement)
    for statement in filter(str.strip, owner.split(";")):
        server.run(statement, "promptad", "promptad_owner")
    addresses = {role: server.address("promptad", f"promptad_{role}") for role in ("owner", "writer", "reader")}
    init(addresses["owner"])
    return addresses


def test_a_writer_ingests_tags_rebuilds_and_deletes_but_changes_no_schema(roles, cli):
    folder = Laboratory().run({"tile": both(0.5, 0.6)})
    assert cli("ingest", folder, "--db", roles["writer"]).code == 0
    assert cli("runs", "tag", folder.name, "x", "--db", roles["writer"]).code == 0
    assert cli("rebuild", "runs", "--db", roles["writer"]).code == 0
    assert cli("runs", "delete", folder.name, "--yes", "--db", roles["writer"]).code == 0
    with pytest.raises(QueryError, match="permission denied"):
        open_db(roles["writer"], read_only=False).query("CREATE TABLE mine (x INTEGER)")
    with pytest.raises(QueryError, match="must be owner"):
        open_db(roles["writer"], read_only=False).query("DROP TABLE runs CASCADE")


def test_a_reader_gets_every_report_and_cannot_write(roles, cli):
    folder = Laboratory().run({"tile": both(0.5, 0.6)})
    index_folders([folder], roles["writer"])
    place = ("--db", roles["reader"])
    for words in (("report",), ("compare", "semantic", "memory"), ("runs", "list"), ("check",), ("export", "out"),
                  ("copy", roles["reader"], "copy.duckdb")):  # fmt: skip
        answer = cli(*words, *(() if words[0] == "copy" else place))
        assert answer.code == 0, answer.err
    other = Laboratory().run({"tile": both(0.5, 0.6)}, seed=99)
    for words in (("ingest", other), ("runs", "tag", folder.name, "x"), ("runs", "delete", folder.name, "--yes"),
                  ("rebuild", "runs")):  # fmt: skip
        answer = cli(*words, *place)
        assert (answer.code, "docs/postgresql.md" in answer.err) == (3, True), answer.err
    with pytest.raises(QueryError, match="permission denied"):
        open_db(roles["reader"], read_only=False).query("DELETE FROM runs")
    assert open_db(roles["reader"]).query("SELECT COUNT(*) FROM runs").rows == [(1,)]
    assert folder.is_dir()
    assert cli("runs", "delete", folder.name, "--yes", "--db", roles["writer"]).code == 0


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM runs",
        "WITH gone AS (DELETE FROM runs RETURNING run_id) SELECT * FROM gone",
        "SELECT 1; DELETE FROM runs",
        "SELECT 1; COMMIT; DROP TABLE runs CASCADE",
        "COPY runs TO PROGRAM 'cat > /tmp/stolen'",
        "/* a comment */ COPY runs TO '/tmp/stolen'",
        "\n-- SELECT\nCOPY runs TO STDOUT",
        "/**/" * 50 + "COPY runs TO STDOUT",
        "DO $$ BEGIN DELETE FROM runs; END $$",
        "SET TRANSACTION READ WRITE",
        "EXPLAIN ANALYZE DELETE FROM runs",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "CREATE TABLE mine AS SELECT 1",
        "COMMIT",
    ],
)
def test_sql_changes_nothing_even_for_a_superuser(address, cli, sql):
    index_folders([Laboratory().run({"tile": both(0.5, 0.6)})], address)
    answer = cli("sql", sql, "--db", address)
    assert answer.code == 2, answer
    assert "the query does not run" in answer.err
    assert open_db(address).query("SELECT COUNT(*) FROM runs").rows == [(1,)]


def test_sql_asks_with_parameters_percents_limits_and_explanations(address):
    database = open_db(address)
    assert database.query("SELECT '50 %' AS a, CAST(:x AS INTEGER) AS b", x=3).rows == [("50 %", 3)]
    assert database.query("SELECT 'a%s' LIKE 'a%'").rows == [(True,)]
    cut = database.query("SELECT * FROM generate_series(1, 1000000)", limit=2)
    assert (cut.rows, cut.cut) == ([(1,), (2,)], True)
    assert database.query("  -- why\n (SELECT SUM(x) FROM (VALUES (1), (2)) AS v (x))").rows == [(3,)]
    assert database.query("SELECT AVG(x) FROM (VALUES (1), (2)) AS v (x)").rows == [(1.5,)]
    assert "Result" in database.query("EXPLAIN SELECT 1").rows[0][0]
    for wrong in ("SELECT 1 / 0", "SELECT nothing", "SELEC 1", " "):
        with pytest.raises(QueryError):
            database.query(wrong)
    with pytest.raises(QueryError, match="value"):
        database.query("SELECT :x, :y", x=1)


def test_the_password_is_taken_and_never_shown(server, database, cli, caplog):
    good = f"postgresql://{server.superuser}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}/{database}"
    assert cli("init", "--db", good).code == 0
    place = database_path(good)
    folder = Laboratory().run({"tile": both(0.5, 0.6)})
    wrong = good.replace("s3cret", "wr0ng")
    answers = [
        cli("report", "--db", wrong),
        cli("ingest", folder, "--db", wrong),
        cli("report", "--db", good),
        cli("init", "--db", good),
        cli("copy", good, good),
        cli("report", "--db", good.replace("postgresql:", "mysql:")),
        cli("report", "--db", good.replace(str(server.port), "no-port")),
        cli("report", "--db", f"{good}?sslpassword=s3cret"),
    ]
    assert [answer.code for answer in answers] == [3, 3, 5, 0, 2, 3, 3, 5]
    assert "PGPASSWORD" in answers[0].err
    assert "promptad-db ingest" in answers[1].err
    for text in [*(answer.err + answer.out for answer in answers), str(place), repr(place), *db_option(good)]:
        assert "s3cret" not in text
        assert "wr0ng" not in text
    assert db_option("mysql://nobody") == []


def test_a_run_is_safe_where_the_database_cannot_be_reached(server, log_run, caplog):
    folder = log_run("carpet", db=f"postgresql://someone:secret@127.0.0.1:{server.port}/nowhere")
    assert (folder / "carpet" / "metrics.json").is_file()
    assert "promptad-db ingest" in caplog.text
    assert "secret" not in caplog.text


@pytest.mark.parametrize(
    ("place", "mend"),
    [("127.0.0.1:1/promptad", "is the server running"), ("/nowhere?host={folder}&port={port}", "promptad-db init")],
)
def test_an_unreachable_database_is_explained(server, cli, place, mend):
    address = f"postgresql://postgres@{place.format(folder=server.folder, port=server.port)}"
    answer = cli("report", "--db", address)
    assert (answer.code, mend in answer.err) == (3, True), answer.err


def test_a_missing_driver_is_a_matter_of_installing_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(UsageError, match=r"pip install 'promptad-db\[postgres\]'"):
        open_db("postgresql://somewhere/promptad")


def test_an_address_without_a_database_is_refused():
    with pytest.raises(DatabaseError, match="DATABASE"):
        open_db("postgresql://somewhere")
