"""SQL that may run and SQL that may not, for each database: what test_sql_conformance and its PostgreSQL twin try."""

from __future__ import annotations

FILE = "promptad.duckdb"  # the open database itself, which DuckDB never locks away

_FILES = f"""\
FROM '{FILE}'
FROM {FILE}
FROM "{FILE}"
TABLE '{FILE}'
FROM './{FILE}'
FROM '{FILE}.wal'
SELECT * FROM (WITH "{FILE}" AS (SELECT 1) SELECT 1), '{FILE}'
WITH "{FILE}" AS (SELECT * FROM "{FILE}") FROM "{FILE}"
WITH t AS (SELECT 1) SELECT * FROM t JOIN '{FILE}' ON true
SELECT (SELECT COUNT(*) FROM '{FILE}')
SELECT * FROM runs WHERE run_id IN (SELECT run_id FROM '{FILE}')
SELECT * FROM runs, LATERAL (SELECT run_id FROM '{FILE}')
SELECT * FROM runs POSITIONAL JOIN '{FILE}'
SELECT * FROM runs ASOF JOIN '{FILE}' f ON runs.run_id >= f.run_id
SELECT 1 UNION ALL SELECT 1 FROM '{FILE}'
DESCRIBE '{FILE}'
DESCRIBE SELECT * FROM '{FILE}'
SUMMARIZE '{FILE}'
SUMMARIZE SELECT content FROM read_blob('{FILE}')
SHOW '{FILE}'
PIVOT '{FILE}' ON run_id
PIVOT (SELECT * FROM '{FILE}') ON run_id USING COUNT(*)
PIVOT read_blob('{FILE}') ON size USING COUNT(*)
PIVOT runs ON task USING COUNT((SELECT 1 FROM '{FILE}'))
UNPIVOT '{FILE}' ON COLUMNS(*) INTO NAME n VALUE v
WITH p AS (PIVOT '{FILE}' ON run_id USING COUNT(*)) FROM p
SELECT * FROM (PIVOT (PIVOT read_text('{FILE}') ON size) ON filename)
EXPLAIN SELECT * FROM '{FILE}'
EXPLAIN ANALYZE FROM '{FILE}'
EXPLAIN (ANALYZE, FORMAT json) FROM read_blob('{FILE}')
EXPLAIN (FROM '{FILE}')
SELECT * FROM read_blob('{FILE}')
select * from READ_BLOB('{FILE}')
SELECT * FROM "read_blob"('{FILE}')
SELECT * FROM system.main.read_blob('{FILE}')
SELECT * FROM read_blob(['{FILE}'])
SELECT content FROM read_blob((SELECT '{FILE}'))
/* /* */ SELECT */ SELECT * FROM read_blob('{FILE}')
SELECT list_transform([1], lambda x: (SELECT COUNT(*) + x FROM read_text('{FILE}')))
SELECT [x FOR x IN (SELECT content FROM read_blob('{FILE}'))]
SELECT SUM(1) OVER (ORDER BY (SELECT size FROM read_blob('{FILE}'))) FROM runs
SELECT 1 FROM runs ORDER BY (SELECT size FROM read_blob('{FILE}'))
SELECT 1 FROM runs LIMIT (SELECT size FROM read_blob('{FILE}'))
SELECT 1 FROM runs GROUP BY (SELECT size FROM read_blob('{FILE}'))
SELECT 1 FROM runs HAVING (SELECT size > 0 FROM read_blob('{FILE}'))
SELECT 1 FROM runs QUALIFY (SELECT size > 0 FROM read_blob('{FILE}'))
SELECT COUNT(*) FILTER (WHERE EXISTS (FROM glob('*'))) FROM runs
SELECT CASE WHEN true THEN (SELECT COUNT(*) FROM glob('*')) END
SELECT DISTINCT ON ((SELECT COUNT(*) FROM glob('*'))) 1 FROM runs
SELECT * REPLACE ((SELECT COUNT(*) FROM glob('*')) AS task) FROM runs
SELECT COUNT(*) FROM (VALUES ((SELECT COUNT(*) FROM glob('*'))))
VALUES ((SELECT COUNT(*) FROM glob('*')))
WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL SELECT a + 1 FROM r, glob('*') WHERE a < 3) FROM r
SELECT 1 BETWEEN 0 AND (SELECT COUNT(*) FROM glob('*'))
FROM query('SELECT * FROM read_blob(''{FILE}'')')
FROM query_table('{FILE}')
FROM json_execute_serialized_sql(json_serialize_sql('FROM read_blob(''{FILE}'')'))
SELECT json_serialize_plan('SELECT * FROM checkpoint()')
FROM histogram_values('{FILE}', run_id)
FROM parquet_metadata('{FILE}')
FROM 'x.csv'
FROM 'https://example.org/x.csv'
SELECT * FROM 's3://bucket/x.parquet'
SELECT getenv('HOME')"""

_STATEMENTS = f"""\
EXPLAIN ANALYZE COPY (SELECT 'gone') TO '{FILE}' (USE_TMP_FILE false, FORMAT csv)
EXPLAIN COPY (SELECT 1) TO '{FILE}'
COPY (SELECT 'gone') TO '{FILE}' (USE_TMP_FILE false, FORMAT csv)
COPY runs TO 'y.csv'
COPY runs FROM 'x.csv'
explain /* /* */ x */ analyze copy runs to '{FILE}' (format csv)
EXPLAIN ANALYZE INSERT INTO runs SELECT * FROM runs
EXPLAIN ANALYZE DELETE FROM runs
EXPLAIN ANALYZE UPDATE runs SET note = 'x'
EXPLAIN ANALYZE CREATE TABLE evil AS SELECT 1
EXPLAIN ANALYZE SET VARIABLE x = 1
EXPLAIN ANALYZE PRAGMA enable_profiling
EXPLAIN ANALYZE CALL checkpoint()
EXPLAIN ANALYZE ATTACH 'other.duckdb'
EXPLAIN EXPLAIN ANALYZE DELETE FROM runs
EXPLAIN (ANALYZE) DELETE FROM runs
EXPLAIN ANALYZE SELECT 1; DELETE FROM runs
INSERT INTO runs SELECT * FROM runs
INSERT INTO runs SELECT * FROM runs RETURNING run_id
UPDATE runs SET note = 'x'
DELETE FROM runs
TRUNCATE runs
MERGE INTO runs USING runs r ON false WHEN MATCHED THEN DELETE
ALTER TABLE runs ADD COLUMN x INT
COMMENT ON TABLE runs IS 'x'
CREATE TABLE evil (x INT)
CREATE TEMP TABLE t AS SELECT 1
CREATE OR REPLACE TEMP VIEW branch_gap AS SELECT 1
CREATE SEQUENCE evil
CREATE SCHEMA evil
CREATE TYPE evil AS ENUM (SELECT 'a')
CREATE TYPE evil AS ENUM ('a'); SELECT 1
CREATE MACRO evil(x) AS x
CREATE TEMP MACRO evil() AS TABLE SELECT * FROM glob('*')
CREATE INDEX evil ON runs (run_id)
CREATE SECRET s (TYPE s3)
DROP VIEW branch_gap
DROP TABLE runs
ATTACH 'other.duckdb'
ATTACH ':memory:' AS m
DETACH promptad
USE memory
BEGIN
COMMIT
ROLLBACK
CHECKPOINT
FORCE CHECKPOINT
VACUUM
ANALYZE
EXPORT DATABASE 'y'
IMPORT DATABASE 'y'
INSTALL httpfs
LOAD httpfs
UPDATE EXTENSIONS
SET threads = 1
SET VARIABLE x = 1
SET GLOBAL memory_limit = '1GB'
SET lock_configuration = false
RESET threads
RESET VARIABLE x
PRAGMA version
PRAGMA database_list
PRAGMA enable_profiling
PRAGMA threads = 1
PREPARE p AS SELECT 1
EXECUTE p
DEALLOCATE p
CALL checkpoint()
CALL enable_logging('QueryLog')
SELECT 1; SELECT 2
SELECT 1; DELETE FROM runs
SELECT 1;; DROP TABLE runs
PIVOT runs ON task; DELETE FROM runs
WITH gone AS (DELETE FROM runs RETURNING run_id) SELECT * FROM gone
SELECT * FROM enable_logging('QueryLog', storage = 'file', storage_path = 'x')
SELECT * FROM (SELECT * FROM enable_logging('QueryLog'))
WITH t AS (FROM enable_profiling(save_location = 'y.json')) FROM t
SELECT (SELECT COUNT(*) FROM disable_logging())
FROM checkpoint()
FROM force_checkpoint()
FROM truncate_duckdb_logs()
SELECT write_log('x')
SELECT list_transform([1], lambda x: write_log('x'))
SELECT write_log('x') OVER () FROM runs
SELECT nextval('s')
SELECT currval('s')
SELECT setseed(0.5)"""

DUCKDB_FORBIDDEN = [*_FILES.splitlines(), *_STATEMENTS.splitlines()]

DUCKDB_ALLOWED = """\
SELECT 1
SELECT 1;
SELECT 1 -- why
/* one /* in */ another */ SELECT 1
(SELECT 1)
VALUES (1), (2)
TABLE runs
FROM runs
FROM runs SELECT run_id LIMIT 1
SELECT * FROM main.runs
SELECT * FROM promptad.main.runs
SELECT * FROM branch_gap
SELECT * FROM task_summary
SELECT COUNT(*), SUM(gap), AVG(gap), MEDIAN(gap), STDDEV(gap) FROM branch_gap
SELECT task, COUNT(*) FROM runs GROUP BY ALL ORDER BY ALL
SELECT DISTINCT ON (task) * FROM runs
SELECT COUNT(*) FILTER (WHERE task = 'seg') FROM runs
SELECT ROW_NUMBER() OVER (PARTITION BY task ORDER BY run_id) FROM runs
SELECT run_id FROM runs QUALIFY ROW_NUMBER() OVER () = 1
SELECT * EXCLUDE (note) FROM runs
SELECT COLUMNS('run.*') FROM runs
SELECT * REPLACE (UPPER(task) AS task) FROM runs
SELECT task, SUM(1) FROM runs GROUP BY ROLLUP (task)
SELECT 1 UNION ALL SELECT 2 ORDER BY 1
SELECT 1 EXCEPT SELECT 2
SELECT 1 AS a UNION ALL BY NAME SELECT 2 AS b
WITH t AS (SELECT 1 AS a) SELECT a FROM t
WITH t AS MATERIALIZED (SELECT 1 AS a) FROM t
WITH "my table (%)" AS (SELECT 1 AS a) FROM "my table (%)"
WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM r WHERE a < 5) FROM r
SELECT * FROM runs JOIN run_categories USING (run_id)
SELECT * FROM runs LEFT JOIN run_tags ON runs.run_id = run_tags.run_id
SELECT * FROM runs SEMI JOIN run_categories USING (run_id)
SELECT * FROM range(3) a ASOF JOIN range(3) b ON a.range >= b.range
SELECT * FROM range(3) a POSITIONAL JOIN range(3) b
SELECT * FROM runs, LATERAL (SELECT runs.task AS of)
SELECT (SELECT MAX(gap) FROM branch_gap)
SELECT EXISTS (FROM runs), 1 IN (SELECT 1), 1 = ANY (SELECT 1)
PIVOT branch_gap ON category USING AVG(gap)
PIVOT branch_gap ON category USING AVG(gap) GROUP BY task ORDER BY task LIMIT 3
PIVOT branch_gap ON category, task USING AVG(gap), MAX(gap)
PIVOT branch_gap ON category IN ('carpet', 'tile') USING AVG(gap)
PIVOT (SELECT category, gap FROM branch_gap WHERE task IN ('cls', 'seg')) ON category USING AVG(gap); -- why
WITH p AS (PIVOT branch_gap ON category USING AVG(gap)) FROM p
SELECT * FROM (PIVOT branch_gap ON category USING AVG(gap))
SELECT * FROM branch_gap PIVOT (AVG(gap) FOR category IN ('carpet'))
UNPIVOT branch_gap ON semantic, memory INTO NAME branch VALUE auroc
DESCRIBE runs
DESCRIBE SELECT 1
SUMMARIZE branch_gap
SHOW TABLES
SHOW ALL TABLES
SHOW DATABASES
EXPLAIN SELECT * FROM branch_gap
EXPLAIN ANALYZE SELECT COUNT(*) FROM branch_gap
EXPLAIN (FORMAT json) SELECT 1
EXPLAIN (ANALYZE, FORMAT json) SELECT 1
explain /* why */ analyze (SELECT 1)
EXPLAIN PIVOT branch_gap ON category IN ('carpet') USING AVG(gap)
SELECT * FROM range(3)
SELECT * FROM generate_series(1, 3)
SELECT UNNEST([1, 2])
SELECT * FROM UNNEST([1, 2])
SELECT * FROM json_each('[1, 2]')
SELECT [x + 1 FOR x IN [1, 2] IF x > 1]
SELECT list_transform([1, 2], lambda x: x + 1)
SELECT {'a': 1}.a, MAP {'a': 1}['a'], [1, 2][1]
SELECT 'x' LIKE 'X%', 'x' SIMILAR TO 'x', regexp_matches('ab', 'a.')
SELECT CAST('1' AS INTEGER), '2020-01-01'::DATE, 1::DECIMAL(4, 2), TRY_CAST('x' AS INTEGER)
SELECT CASE WHEN 1 = 1 THEN 'a' ELSE 'b' END, COALESCE(NULL, 1), NULLIF(1, 1)
SELECT random() < 2, uuid() IS NOT NULL, now() IS NOT NULL, current_date IS NOT NULL
SELECT string_agg(task, ', ' ORDER BY task) FROM runs
SELECT quantile_cont(gap, 0.5), histogram(gap), arg_max(category, gap) FROM branch_gap
SELECT date_trunc('day', now()) <= now(), strftime(DATE '2020-01-01', '%Y')
SELECT current_setting('threads') IS NOT NULL
SELECT table_name FROM information_schema.tables
SELECT name FROM duckdb_settings()
SELECT * FROM duckdb_tables()
SELECT view_name FROM duckdb_views
SELECT * FROM pragma_table_info('runs')
SELECT * FROM sqlite_master
SELECT relname FROM pg_catalog.pg_class
SELECT * FROM runs USING SAMPLE 1
SELECT 'DELETE FROM runs; COPY' AS a
SELECT 'read_blob(''x'')' AS "FROM 'x.csv'"
SELECT 50 % 7, '50 %'
SELECT sleep_ms(1)""".splitlines()

POSTGRES_FORBIDDEN = """\
/* /* */ show */ COPY (SELECT 1) TO PROGRAM 'true'
/* /* select */ */ COPY (SELECT 1) TO STDOUT
COPY runs TO STDOUT
COPY runs FROM STDIN
COPY (SELECT 1) TO PROGRAM 'true'
COPY runs TO '/tmp/stolen'
/**/ COPY runs TO STDOUT
-- SELECT\tCOPY
EXPLAIN ANALYZE DELETE FROM runs
EXPLAIN (ANALYZE) INSERT INTO runs SELECT * FROM runs
EXPLAIN ANALYZE CREATE TABLE evil AS SELECT 1
EXPLAIN ANALYZE EXECUTE p
EXPLAIN (ANALYZE) DELETE FROM runs
EXPLAIN EXPLAIN SELECT 1
EXPLAIN DECLARE c CURSOR FOR SELECT 1
EXPLAIN ANALYZE SELECT pg_advisory_lock(1)
EXPLAIN (ANALYZE, FORMAT json) SELECT pg_read_file('PG_VERSION')
EXPLAIN (COSTS off) SELECT 1; DELETE FROM runs
SHOW all; DELETE FROM runs
SHOW search_path; COMMIT
INSERT INTO runs SELECT * FROM runs
UPDATE runs SET note = 'x'
DELETE FROM runs
DELETE FROM runs RETURNING run_id
TRUNCATE runs
MERGE INTO runs USING runs r ON false WHEN MATCHED THEN DELETE
WITH gone AS (DELETE FROM runs RETURNING run_id) SELECT * FROM gone
WITH gone AS (UPDATE runs SET note = 'x' RETURNING run_id) SELECT 1
WITH new AS (INSERT INTO run_tags VALUES ('r', 't') RETURNING *) TABLE new
WITH t AS (SELECT 1) DELETE FROM runs
SELECT 1 INTO evil
SELECT * INTO TEMP evil FROM runs
SELECT * FROM runs FOR UPDATE
SELECT * FROM runs FOR SHARE
SELECT * FROM runs FOR KEY SHARE NOWAIT
SELECT * FROM (SELECT * FROM runs FOR UPDATE) AS r
CREATE TABLE evil (x INT)
CREATE TEMP TABLE evil AS SELECT 1
CREATE TEMP VIEW evil AS SELECT 1
CREATE FUNCTION pg_temp.evil() RETURNS INT LANGUAGE sql AS 'SELECT 1'
CREATE EXTENSION dblink
CREATE ROLE evil SUPERUSER
CREATE INDEX evil ON runs (run_id)
ALTER TABLE runs ADD COLUMN x INT
ALTER SYSTEM SET log_statement = 'all'
ALTER ROLE CURRENT_USER SET search_path = 'x'
ALTER DATABASE postgres SET work_mem = '1MB'
COMMENT ON TABLE runs IS 'x'
SECURITY LABEL ON TABLE runs IS 'x'
GRANT ALL ON runs TO PUBLIC
REVOKE ALL ON runs FROM PUBLIC
DROP TABLE runs CASCADE
DROP VIEW branch_gap
DROP OWNED BY CURRENT_USER
REASSIGN OWNED BY CURRENT_USER TO CURRENT_USER
REINDEX TABLE runs
CLUSTER
VACUUM
VACUUM FULL runs
ANALYZE
REFRESH MATERIALIZED VIEW evil
CHECKPOINT
LOCK TABLE runs
LOCK TABLE runs IN ACCESS EXCLUSIVE MODE
LISTEN evil
UNLISTEN *
NOTIFY evil
SET work_mem = '1MB'
SET LOCAL work_mem = '1MB'
SET SESSION AUTHORIZATION DEFAULT
SET ROLE NONE
SET TRANSACTION READ WRITE
SET CONSTRAINTS ALL DEFERRED
SET statement_timeout = 0
RESET ALL
DISCARD ALL
BEGIN
BEGIN READ WRITE
START TRANSACTION
COMMIT
COMMIT AND CHAIN
ROLLBACK
END
ABORT
SAVEPOINT s
RELEASE SAVEPOINT s
PREPARE TRANSACTION 't'
PREPARE p AS SELECT 1
EXECUTE p
DEALLOCATE ALL
DECLARE c CURSOR FOR SELECT 1
DECLARE c CURSOR WITH HOLD FOR SELECT 1
FETCH c
MOVE c
CLOSE ALL
DO $$ BEGIN DELETE FROM runs; END $$
DO $$ BEGIN PERFORM pg_advisory_lock(1); END $$
CALL evil()
LOAD 'auto_explain'
IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z
SELECT 1; SELECT 2
SELECT 1; DELETE FROM runs
SELECT 1; COMMIT; DROP TABLE runs CASCADE
SELECT pg_advisory_lock(1346454594, 0)
SELECT pg_try_advisory_lock(1)
SELECT pg_advisory_xact_lock(1)
SELECT 1 FROM runs WHERE pg_try_advisory_xact_lock_shared(1)
SELECT "pg_advisory_lock"(1)
SELECT 1 AS ":funcid", pg_advisory_lock(1) AS ":funcid"
SELECT 1 AS "a really long name of a column without a space, which is broken into two lines", pg_advisory_lock(1)
SELECT 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx', pg_advisory_lock(1)
SELECT pg_catalog.pg_advisory_lock(1)
SELECT U&"pg\\005fadvisory_lock"(1)
SELECT (SELECT pg_advisory_lock(1))
SELECT * FROM pg_advisory_lock(1)
SELECT * FROM ROWS FROM (pg_advisory_lock(1))
SELECT 1 ORDER BY pg_advisory_lock(1)::text
SELECT 1 LIMIT (SELECT 1 FROM pg_advisory_lock(1))
SELECT SUM(1) OVER (ORDER BY pg_advisory_lock(1)::text)
SELECT COUNT(*) FILTER (WHERE pg_try_advisory_lock(1)) FROM runs
SELECT CASE WHEN pg_try_advisory_lock(1) THEN 1 END
SELECT ARRAY[pg_try_advisory_lock(1)]
SELECT ROW(pg_try_advisory_lock(1))
SELECT 1 FROM runs GROUP BY pg_try_advisory_lock(1)
SELECT 1 HAVING pg_try_advisory_lock(1)
SELECT DISTINCT ON (pg_try_advisory_lock(1)) 1 FROM runs
SELECT * FROM runs JOIN runs AS r ON pg_try_advisory_lock(1)
SELECT * FROM runs, LATERAL (SELECT pg_try_advisory_lock(1)) AS l
VALUES (pg_try_advisory_lock(1))
WITH t AS (SELECT pg_try_advisory_lock(1)) TABLE t
WITH RECURSIVE r AS (SELECT true AS a UNION SELECT pg_try_advisory_lock(1) FROM r) TABLE r
SELECT 1 UNION ALL SELECT 1 WHERE pg_try_advisory_lock(1)
SELECT * FROM runs TABLESAMPLE BERNOULLI ((SELECT 1 FROM pg_advisory_lock(1)))
SELECT JSON_BUILD_OBJECT('a', pg_try_advisory_lock(1))
SELECT XMLELEMENT(NAME a, pg_try_advisory_lock(1))
SELECT set_config('transaction_read_only', 'off', false)
SELECT set_config('statement_timeout', '0', false)
SELECT pg_read_file('PG_VERSION')
SELECT pg_read_binary_file('PG_VERSION')
SELECT pg_ls_dir('.')
SELECT * FROM pg_ls_logdir()
SELECT * FROM pg_stat_file('PG_VERSION')
SELECT lo_import('/etc/passwd')
SELECT lo_export(1, '/tmp/stolen')
SELECT lo_create(0)
SELECT pg_terminate_backend(1)
SELECT pg_cancel_backend(1)
SELECT pg_reload_conf()
SELECT pg_rotate_logfile()
SELECT pg_switch_wal()
SELECT pg_create_restore_point('x')
SELECT pg_notify('a', 'b')
SELECT pg_export_snapshot()
SELECT pg_logical_emit_message(false, 'a', 'b')
SELECT pg_stat_reset()
SELECT pg_promote()
SELECT nextval('s')
SELECT setval('s', 1)
SELECT lastval()
SELECT setseed(0.5)
SELECT txid_current()
SELECT pg_current_xact_id()
SELECT query_to_xml('SELECT 1', true, true, '')
SELECT table_to_xml('runs', true, true, '')
SELECT schema_to_xml('public', true, true, '')
SELECT database_to_xmlschema(true, true, '')
SELECT cursor_to_xml('c', 1, true, true, '')
SELECT * FROM ts_stat('SELECT NULL::tsvector')
SELECT ts_rewrite(''::tsquery, 'SELECT NULL::tsquery, NULL::tsquery')
SELECT * FROM pg_file_settings
SELECT * FROM pg_hba_file_rules
SELECT * FROM pg_available_extensions
SELECT fmgr_c_validator(1)""".splitlines()

POSTGRES_ALLOWED = """\
SELECT 1
SELECT 1;
SELECT 1 -- why
/* one /* in */ another */ SELECT 1
(SELECT 1)
VALUES (1), (2)
TABLE runs
SELECT * FROM public.runs
SELECT * FROM branch_gap
SELECT * FROM task_summary
SELECT COUNT(*), SUM(gap), AVG(gap), STDDEV(gap), MIN(gap), MAX(gap) FROM branch_gap
SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY gap) FROM branch_gap
SELECT task, COUNT(*) FROM runs GROUP BY task ORDER BY task
SELECT DISTINCT ON (task) * FROM runs
SELECT COUNT(*) FILTER (WHERE task = 'seg') FROM runs
SELECT ROW_NUMBER() OVER (PARTITION BY task ORDER BY run_id) FROM runs
SELECT LAG(gap) OVER w FROM branch_gap WINDOW w AS (ORDER BY category)
SELECT task, SUM(1) FROM runs GROUP BY ROLLUP (task)
SELECT task, variant, COUNT(*) FROM runs GROUP BY GROUPING SETS ((task), (variant))
SELECT 1 UNION ALL SELECT 2 ORDER BY 1
SELECT 1 EXCEPT SELECT 2
SELECT 1, 1
SELECT
WITH t AS (SELECT 1 AS a) SELECT a FROM t
WITH t AS MATERIALIZED (SELECT 1 AS a) TABLE t
WITH RECURSIVE r(a) AS (SELECT 1 UNION ALL SELECT a + 1 FROM r WHERE a < 5) TABLE r
SELECT * FROM runs JOIN run_categories USING (run_id)
SELECT * FROM runs LEFT JOIN run_tags ON runs.run_id = run_tags.run_id
SELECT * FROM runs CROSS JOIN LATERAL (SELECT runs.task AS of) AS l
SELECT (SELECT MAX(gap) FROM branch_gap)
SELECT EXISTS (SELECT FROM runs), 1 IN (SELECT 1), 1 = ANY (ARRAY[1])
SELECT * FROM generate_series(1, 3)
SELECT * FROM UNNEST(ARRAY[1, 2], ARRAY['a', 'b']) AS u (a, b)
SELECT * FROM ROWS FROM (generate_series(1, 2), generate_series(1, 3)) WITH ORDINALITY
SELECT * FROM json_each('{"a": 1}')
SELECT '{"a": [1]}'::jsonb -> 'a' ->> 0, jsonb_path_query('[1]', '$[*]')
SELECT * FROM regexp_split_to_table('a b', ' ')
SELECT 'x' LIKE 'X%', 'x' ~ 'x', regexp_replace('ab', 'a', 'b'), SUBSTRING('abc' FROM 2)
SELECT CAST('1' AS INTEGER), '2020-01-01'::DATE, 1::NUMERIC(4, 2), ROUND(1.25, 1)
SELECT CASE WHEN 1 = 1 THEN 'a' ELSE 'b' END, COALESCE(NULL, 1), NULLIF(1, 1), GREATEST(1, 2)
SELECT random() < 2, gen_random_uuid() IS NOT NULL, now() IS NOT NULL, CURRENT_DATE, clock_timestamp() IS NOT NULL
SELECT STRING_AGG(task, ', ' ORDER BY task), ARRAY_AGG(task), JSON_AGG(task) FROM runs
SELECT date_trunc('day', now()) <= now(), to_char(DATE '2020-01-01', 'YYYY'), EXTRACT(year FROM now()) > 0
SELECT (ARRAY[1, 2])[1], ROW(1, 2), (1, 2) = (1, 2), ARRAY(SELECT 1)
SELECT 'runs'::regclass, pg_typeof(1), version(), current_user, current_database()
SELECT current_setting('server_version')
SELECT pg_size_pretty(pg_total_relation_size('runs'))
SELECT pg_get_viewdef('branch_gap'::regclass)
SELECT table_name FROM information_schema.tables
SELECT column_name FROM information_schema.columns WHERE table_name = 'runs'
SELECT relname FROM pg_catalog.pg_class
SELECT name, setting FROM pg_settings
SELECT pid, state FROM pg_stat_activity
SELECT locktype FROM pg_locks
SELECT * FROM pg_indexes WHERE tablename = 'runs'
SELECT * FROM pg_stats WHERE tablename = 'runs'
SELECT seqscan IS NULL FROM (SELECT NULL AS seqscan) AS s
SELECT * FROM runs TABLESAMPLE BERNOULLI (50)
SELECT pg_sleep(0.01)
SELECT xpath('/a/text()', '<a>b</a>'::xml), XMLELEMENT(NAME a)
SELECT to_tsvector('english', 'a cat') @@ to_tsquery('english', 'cat')
SELECT 'DELETE FROM runs; COPY' AS a
SELECT 'pg_read_file(''x'')' AS ":funcid 3826"
SELECT 1 AS ":funcid", 2 AS ":commandType", 3 AS ":opno", 4 AS ":relid", 5 AS ":hasForUpdate"
SELECT 50 % 7, '50 %', 'a%s'
SELECT e'a\\nb', U&'\\0061', $$x$$
SHOW search_path
SHOW TIME ZONE
SHOW ALL;
show /* why */ server_version
EXPLAIN SELECT * FROM branch_gap
EXPLAIN ANALYZE SELECT COUNT(*) FROM runs
EXPLAIN (FORMAT json) SELECT 1
EXPLAIN (ANALYZE, BUFFERS, COSTS off) SELECT 1
EXPLAIN ANALYZE VERBOSE SELECT 1;
explain /* why /* */ */ (SELECT 1)""".splitlines()
