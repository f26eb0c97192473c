-- The temporary tables that a report reads from, slim, with one integer a run; views put the names of the runs back.
-- gate_numbers has one row a cell and gate, of the run that counts. Texts are in the order of their bytes everywhere.
CREATE TEMPORARY TABLE chosen (
    number BIGINT, setting BIGINT, twins BIGINT, series BIGINT, trial BIGINT, cell BIGINT, rivals BIGINT, place BIGINT,
    run_id VARCHAR COLLATE "C", experiment VARCHAR COLLATE "C", method VARCHAR COLLATE "C", variant VARCHAR COLLATE "C",
    dataset VARCHAR COLLATE "C", k_shot INTEGER, seed BIGINT, task VARCHAR COLLATE "C", created_at TIMESTAMP
);
CREATE TEMPORARY TABLE numbers (
    number BIGINT, category VARCHAR COLLATE "C", branch VARCHAR COLLATE "C", auroc DOUBLE PRECISION,
    provenance VARCHAR COLLATE "C", precision DOUBLE PRECISION
);
CREATE TEMPORARY TABLE pairs (
    number BIGINT, category VARCHAR COLLATE "C", semantic DOUBLE PRECISION, memory DOUBLE PRECISION,
    gap DOUBLE PRECISION, abs_gap DOUBLE PRECISION, weak_branch VARCHAR COLLATE "C", provenance VARCHAR COLLATE "C",
    branches BIGINT, age BIGINT
);
CREATE TEMPORARY TABLE seed_means (
    experiment VARCHAR COLLATE "C", dataset VARCHAR COLLATE "C", category VARCHAR COLLATE "C", k_shot INTEGER,
    task VARCHAR COLLATE "C", cells BIGINT, left_out BIGINT, semantic_weaker BIGINT, memory_weaker BIGINT, ties BIGINT,
    exact_cells BIGINT, reported_cells BIGINT, approx_cells BIGINT, semantic DOUBLE PRECISION, memory DOUBLE PRECISION,
    gap DOUBLE PRECISION, abs_gap DOUBLE PRECISION
);
CREATE TEMPORARY TABLE summaries (
    task VARCHAR COLLATE "C", dataset VARCHAR COLLATE "C", k_shot INTEGER, provenance VARCHAR COLLATE "C", cells BIGINT,
    left_out BIGINT, semantic_weaker BIGINT, memory_weaker BIGINT, ties BIGINT, semantic_mean DOUBLE PRECISION,
    memory_mean DOUBLE PRECISION, mean_gap DOUBLE PRECISION, mean_abs_gap DOUBLE PRECISION,
    median_abs_gap DOUBLE PRECISION
);
CREATE TEMPORARY VIEW cells AS
SELECT
    chosen.experiment, chosen.method, chosen.variant, chosen.dataset, pairs.category, chosen.k_shot, chosen.seed,
    chosen.task, pairs.semantic, pairs.memory, pairs.gap, pairs.abs_gap, pairs.weak_branch, pairs.provenance, pairs.age,
    chosen.run_id, chosen.number, chosen.place
FROM pairs
JOIN chosen ON chosen.number = pairs.number;
CREATE TEMPORARY TABLE variant_numbers (
    trial BIGINT, series BIGINT, of_reference BOOLEAN, category VARCHAR COLLATE "C", branch VARCHAR COLLATE "C",
    auroc DOUBLE PRECISION, precision DOUBLE PRECISION
);
CREATE TEMPORARY TABLE weak_cells (
    trial BIGINT, series BIGINT, category VARCHAR COLLATE "C", reference_semantic DOUBLE PRECISION,
    reference_memory DOUBLE PRECISION, semantic DOUBLE PRECISION, repaired INTEGER
);
CREATE TEMPORARY VIEW gate_numbers AS
SELECT *
FROM (
    SELECT
        chosen.task, chosen.dataset, chosen.place, chosen.run_id, numbers.number, numbers.category,
        numbers.branch AS gate, numbers.auroc,
        ROW_NUMBER() OVER (
            PARTITION BY chosen.cell, numbers.category, numbers.branch
            ORDER BY CASE WHEN chosen.variant = 'baseline' THEN 0 ELSE 1 END, chosen.number DESC
        ) AS age
    FROM numbers
    JOIN chosen ON chosen.number = numbers.number
    WHERE numbers.branch = 'gate' OR STARTS_WITH(numbers.branch, 'gate_')
) AS by_age
WHERE age = 1
