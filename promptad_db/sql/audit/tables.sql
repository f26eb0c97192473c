-- The temporary table of the old-style estimates, one row a cell.
CREATE TEMPORARY TABLE estimates (
    experiment VARCHAR COLLATE "C", dataset VARCHAR COLLATE "C", category VARCHAR COLLATE "C", k_shot INTEGER,
    seed BIGINT, task VARCHAR COLLATE "C", semantic DOUBLE PRECISION, memory DOUBLE PRECISION,
    max_auroc DOUBLE PRECISION
)
