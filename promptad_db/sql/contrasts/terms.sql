-- The table of weighted AUROCs that add up to contrasts: differences of branches, means over cells, both.
CREATE TEMPORARY TABLE terms (
    contrast VARCHAR, run_id VARCHAR, task VARCHAR, dataset VARCHAR, category VARCHAR, branch VARCHAR,
    weight DOUBLE PRECISION, auroc DOUBLE PRECISION
)
