-- The temporary tables that a report reads from; one statement each.
CREATE TEMPORARY TABLE measured (
    experiment VARCHAR, method VARCHAR, variant VARCHAR, dataset VARCHAR, category VARCHAR, k_shot INTEGER,
    seed BIGINT, task VARCHAR, branch VARCHAR, auroc DOUBLE PRECISION, provenance VARCHAR, precision DOUBLE PRECISION,
    run_id VARCHAR, created_at TIMESTAMP
);
CREATE TEMPORARY TABLE cells (
    experiment VARCHAR, method VARCHAR, variant VARCHAR, dataset VARCHAR, category VARCHAR, k_shot INTEGER,
    seed BIGINT, task VARCHAR, semantic DOUBLE PRECISION, memory DOUBLE PRECISION, gap DOUBLE PRECISION,
    abs_gap DOUBLE PRECISION, weak_branch VARCHAR, provenance VARCHAR, precision DOUBLE PRECISION, run_id VARCHAR,
    age BIGINT
);
CREATE TEMPORARY TABLE seed_means (
    experiment VARCHAR, dataset VARCHAR, category VARCHAR, k_shot INTEGER, task VARCHAR, cells BIGINT, left_out BIGINT,
    semantic_weaker BIGINT, memory_weaker BIGINT, ties BIGINT, exact_cells BIGINT, reported_cells BIGINT,
    approx_cells BIGINT, semantic DOUBLE PRECISION, memory DOUBLE PRECISION, gap DOUBLE PRECISION,
    abs_gap DOUBLE PRECISION
);
CREATE TEMPORARY TABLE summaries (
    task VARCHAR, dataset VARCHAR, k_shot INTEGER, provenance VARCHAR, cells BIGINT, left_out BIGINT,
    semantic_weaker BIGINT, memory_weaker BIGINT, ties BIGINT, semantic_mean DOUBLE PRECISION,
    memory_mean DOUBLE PRECISION, mean_gap DOUBLE PRECISION, mean_abs_gap DOUBLE PRECISION,
    median_abs_gap DOUBLE PRECISION
)
