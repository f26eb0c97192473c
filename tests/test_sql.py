"""Ad-hoc SQL: read-only, without files or network, and honest about what it cut."""

from __future__ import annotations

import io
import json

import pytest

from promptad_db import open_db
from promptad_db.errors import DatabaseError, QueryError


def test_a_query_is_an_argument_a_file_or_standard_input(cli, gate_place, tmp_path, monkeypatch):
    query = "SELECT COUNT(*) AS cells FROM branch_gap"
    (tmp_path / "q.sql").write_text(query)
    monkeypatch.setattr("sys.stdin", io.StringIO(query))
    for arguments in ((query,), ("-f", tmp_path / "q.sql"), ()):
        answer = cli("sql", *arguments, "--format", "json", "--db", gate_place / "promptad.duckdb")
        assert json.loads(answer.out) == [{"cells": 162}]
    both = cli("sql", query, "-f", tmp_path / "q.sql", "--db", gate_place / "promptad.duckdb")
    assert both.code == 2


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM runs",
        "DROP TABLE runs",
        "CREATE TABLE evil (x INTEGER)",
        "COPY runs TO 'stolen.csv'",
        "COPY runs FROM '/etc/passwd'",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/*')",
        "ATTACH 'other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')",
        "SET enable_external_access = true",
        "SET threads = 1",
        "EXPORT DATABASE 'stolen'",
        "CREATE PERSISTENT SECRET s (TYPE s3)",
        "SELECT 1; DELETE FROM runs",
    ],
)
def test_sql_can_neither_change_nor_reach_anything_else(cli, gate_place, tmp_path, query):
    before = sorted(path.name for path in tmp_path.iterdir())
    answer = cli("sql", query, "--db", gate_place / "promptad.duckdb")
    assert answer.code == 2
    assert "does not run" in answer.err
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert json.loads(
        cli("sql", "SELECT COUNT(*) AS n FROM runs", "--format", "json", "--db", gate_place / "promptad.duckdb").out
    ) == [{"n": 12}]


def test_python_variables_are_not_tables(gate_place):
    secret = [1, 2, 3]  # noqa: F841 - DuckDB would find it
    with pytest.raises(QueryError):
        open_db(gate_place / "promptad.duckdb").query("SELECT * FROM secret")


def test_the_limit_says_when_it_cut(cli, gate_place):
    cut = cli(
        "sql",
        "SELECT category FROM branch_gap",
        "--limit",
        "5",
        "--format",
        "csv",
        "--db",
        gate_place / "promptad.duckdb",
    )
    assert len(cut.out.splitlines()) == 6
    assert "cut at 5 rows" in cut.err
    whole = cli(
        "sql", "SELECT * FROM range(5)", "--limit", "5", "--format", "csv", "--db", gate_place / "promptad.duckdb"
    )
    assert len(whole.out.splitlines()) == 6
    assert whole.err == ""
    everything = cli(
        "sql", "SELECT * FROM range(2000)", "--limit", "0", "--format", "csv", "--db", gate_place / "promptad.duckdb"
    )
    assert len(everything.out.splitlines()) == 2001


def test_null_is_null_in_json_and_a_dash_in_a_table(cli, gate_place):
    database = gate_place / "promptad.duckdb"
    assert json.loads(cli("sql", "SELECT NULL AS nothing", "--format", "json", "--db", database).out) == [
        {"nothing": None}
    ]
    assert "–" in cli("sql", "SELECT NULL AS nothing", "--db", database).out  # noqa: RUF001


def test_a_wrong_query_shows_the_databases_own_words(cli, gate_place):
    answer = cli("sql", "SELECT nobody FROM runs", "--db", gate_place / "promptad.duckdb")
    assert answer.code == 2
    assert "nobody" in answer.err
    assert cli("sql", "   ", "--db", gate_place / "promptad.duckdb").code == 2


def test_several_queries_at_once_are_refused_instead_of_answering_the_last(cli, gate_place):
    database = gate_place / "promptad.duckdb"
    answer = cli("sql", "SELECT 1; SELECT 2", "--db", database)
    assert (answer.code, answer.out) == (2, "")
    assert "2 queries" in answer.err
    assert cli("sql", "SELECT ';' AS a; -- SELECT 2;", "--db", database, "--format", "csv").out == "a\n;\n"


def test_open_db_takes_parameters_and_gives_a_result_set(gate_place):
    result = open_db(gate_place / "promptad.duckdb").query(
        "SELECT category, gap FROM branch_gap WHERE task = :task AND k_shot = :k ORDER BY gap DESC", task="seg", k=1
    )
    assert result.columns == ("category", "gap")
    assert len(result.rows) == 27
    assert result.to_arrow().num_rows == 27
    assert list(result.to_pandas().columns) == ["category", "gap"]


def test_open_db_says_what_is_wrong(gate_place, tmp_path):
    with pytest.raises(DatabaseError, match="no database here"):
        open_db(tmp_path / "nobody.duckdb")
    (tmp_path / "broken.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(DatabaseError, match="rebuild"):
        open_db(tmp_path / "broken.duckdb")
    with pytest.raises(DatabaseError, match="folder"):
        open_db(tmp_path)
    with pytest.raises(QueryError, match="value"):
        open_db(gate_place / "promptad.duckdb").query("SELECT :x, :y", x=1)
    with pytest.raises(DatabaseError, match="DuckDB files"):
        open_db("mysql://somewhere")


def test_a_database_opened_for_writing_is_made_and_can_be_changed(tmp_path):
    database = open_db(tmp_path / "new.duckdb", read_only=False)
    database.query("INSERT INTO run_tags VALUES ('r', 't')")
    assert database.query("SELECT tag FROM run_tags").rows == [("t",)]


@pytest.mark.parametrize("name", ["a%41b.duckdb", "a#b.duckdb", "a'b.duckdb", "a b:x.duckdb"])
def test_a_path_is_a_path_whatever_its_characters_mean_in_an_address(cli, tmp_path, name):
    assert cli("init", "--db", name).code == 0
    assert (tmp_path / name).is_file()
    assert cli("sql", "SELECT COUNT(*) FROM runs", "--db", name).code == 0
    assert cli("export", "it's?", "--only", "runs", "--db", name).code == 0
    assert (tmp_path / "it's?" / "runs.parquet").is_file()
