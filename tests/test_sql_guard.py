"""SQL that somebody else wrote can ask, and nothing else: no files, no network, no extensions, no settings, no changes."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import pytest

from promptad_db import ingest, open_db
from promptad_db.errors import PromptadError

FILES = """\
FROM 'x.csv'
SELECT * FROM 'x.csv'
SELECT * FROM read_csv('x.csv')
SELECT * FROM read_csv_auto('x.csv')
SELECT * FROM sniff_csv('x.csv')
SELECT * FROM read_text('x.csv')
SELECT * FROM read_text(['x.csv'])
SELECT * FROM read_blob('x.csv')
SELECT * FROM read_json('x.csv')
SELECT * FROM read_ndjson_objects('x.csv')
SELECT * FROM read_parquet('x.parquet')
SELECT * FROM parquet_metadata('x.parquet')
SELECT * FROM parquet_schema('x.parquet')
SELECT * FROM read_duckdb('other.duckdb')
FROM query('SELECT * FROM read_text(''x.csv'')')
FROM query_table('x.csv')
SELECT * FROM glob('*')
SELECT * FROM glob('/etc/*')
SELECT * FROM 'https://example.org/x.csv'
SELECT * FROM read_parquet('s3://bucket/x.parquet')
ATTACH 'other.duckdb'
ATTACH 'new.duckdb'
ATTACH ':memory:' AS m
COPY runs TO 'y.csv'
COPY (SELECT 1) TO '/dev/stdout'
COPY runs FROM 'x.csv'
EXPLAIN ANALYZE COPY (SELECT 1) TO 'y.csv'
EXPORT DATABASE 'y'
IMPORT DATABASE 'y'
SELECT getenv('HOME')
SELECT * FROM duckdb_secrets()
SELECT * FROM which_secret('s3://x', 's3')
CREATE SECRET s (TYPE s3)
CREATE PERSISTENT SECRET s (TYPE s3)""".splitlines()
SETTINGS = """\
SET enable_external_access = true
SET SESSION threads = 1
SET GLOBAL memory_limit = '1GB'
SET temp_directory = '.'
SET home_directory = '.'
SET python_enable_replacements = true
SET lock_configuration = false
RESET enable_external_access
PRAGMA enable_external_access = true
PRAGMA profiling_output = 'profile.json'
PRAGMA threads = 1
INSTALL httpfs
FORCE INSTALL json
LOAD httpfs
LOAD './x.duckdb_extension'
UPDATE EXTENSIONS""".splitlines()
CALLS = """\
CALL enable_logging(storage = 'file', storage_path = 'y')
CALL enable_logging('QueryLog')
CALL enable_profiling(save_location = 'y.json')
PRAGMA enable_profiling
CREATE TEMP TABLE t AS SELECT 1
CHECKPOINT""".splitlines()
CHANGES = """\
INSERT INTO runs SELECT * FROM runs
UPDATE runs SET note = 'x'
DELETE FROM runs
TRUNCATE runs
MERGE INTO runs USING runs r ON false WHEN MATCHED THEN DELETE
ALTER TABLE runs ADD COLUMN x INT
COMMENT ON TABLE runs IS 'x'
CREATE TABLE evil (x INT)
CREATE VIEW evil AS SELECT 1
CREATE SEQUENCE evil
CREATE SCHEMA evil
CREATE TYPE evil AS INT
CREATE MACRO evil(x) AS x
DROP VIEW branch_gap
DROP TABLE runs
DETACH promptad
BEGIN
SELECT 1; SELECT 2
SELECT 1; DELETE FROM runs
SELECT 1;; DROP TABLE runs""".splitlines()


@pytest.fixture
def database(make_run, tmp_path):
    """A database beside files that nobody may reach from it."""
    make_run({"carpet": {"semantic": 0.5, "memory": 0.75}})
    ingest("runs")
    (tmp_path / "x.csv").write_text("secret\n42\n")
    with duckdb.connect("other.duckdb") as other:
        other.execute("CREATE TABLE secret AS SELECT 42 AS x")
        other.execute("COPY secret TO 'x.parquet'")
    return open_db()


def state():
    """Names, sizes and times of everything in the folder, and the environment."""
    files = {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in sorted(Path().rglob("*"))}
    return files, dict(os.environ)


def test_no_query_reaches_a_file_or_the_network(database):
    before = state()
    for query in FILES:
        with pytest.raises(PromptadError):
            print(query, database.query(query).rows)
    assert state() == before


def test_no_query_changes_a_setting_or_loads_an_extension(database):
    before = database.query("SELECT name, value FROM duckdb_settings() WHERE name NOT LIKE '%time%'").rows
    for query in SETTINGS:
        with pytest.raises(PromptadError):
            print(query, database.query(query).rows)
    assert database.query("SELECT name, value FROM duckdb_settings() WHERE name NOT LIKE '%time%'").rows == before


def test_no_query_changes_the_database_or_calls_what_might(database):
    before = state()
    for query in CHANGES + CALLS:
        with pytest.raises(PromptadError):
            print(query, database.query(query).rows)
    assert state() == before
    assert database.query("SELECT count(*) FROM runs").rows == [(1,)]


def test_values_are_bound_and_never_run(database):
    hostile = "'; DROP TABLE runs; --"
    assert database.query("SELECT :x AS x", x=hostile).rows == [(hostile,)]
    for query in ("SELECT * FROM :x", "SELECT :x; DROP TABLE runs", "CALL enable_logging(:x)"):
        with pytest.raises(PromptadError):
            database.query(query, x=hostile)
    assert database.query("SELECT count(*) FROM runs").rows == [(1,)]


def test_python_variables_are_no_tables(database):
    secret = [1, 2, 3]  # noqa: F841 - DuckDB would find it
    with pytest.raises(PromptadError):
        database.query("SELECT * FROM secret")


def test_the_command_has_the_same_guard(cli, database):
    before = state()
    for query in (FILES[0], SETTINGS[0], CHANGES[0], "COPY runs TO 'y.csv'"):
        answer = cli("sql", query)
        assert (answer.code, answer.out) == (2, "")
        assert "does not run" in answer.err
    assert state() == before
