-- The temporary table of the old-style estimates, one row a cell.
CREATE TEMPORARY TABLE estimates (
    experiment VARCHAR, dataset VARCHAR, category VARCHAR, k_shot INTEGER, seed BIGINT, task VARCHAR,
    semantic DOUBLE PRECISION, memory DOUBLE PRECISION, max_auroc DOUBLE PRECISION
)
