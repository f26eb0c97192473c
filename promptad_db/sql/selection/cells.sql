-- Fill cells: one row a cell of the selection, both branches of its latest run; age 1 is the run that counts.
INSERT INTO cells
SELECT
    experiment, method, variant, dataset, category, k_shot, seed, task, semantic, memory,
    memory - semantic AS gap,
    ABS(memory - semantic) AS abs_gap,
    CASE
        WHEN memory - semantic IS NULL THEN NULL
        WHEN memory = semantic OR ABS(memory - semantic) < precision * 0.999999 THEN 'tie'
        WHEN memory > semantic THEN :branch_a
        ELSE :branch_b
    END AS weak_branch,
    provenance, precision, run_id,
    ROW_NUMBER() OVER (
        PARTITION BY experiment, dataset, category, k_shot, seed, task
        ORDER BY branches DESC, created_at DESC, run_id DESC
    ) AS age
FROM (
    SELECT
        experiment, method, variant, dataset, category, k_shot, seed, task, run_id, created_at,
        MAX(CASE WHEN branch = :branch_a THEN auroc END) AS semantic,
        MAX(CASE WHEN branch = :branch_b THEN auroc END) AS memory,
        MAX(precision) AS precision,
        COUNT(*) AS branches,
        CASE WHEN MIN(provenance) = MAX(provenance) THEN MIN(provenance) ELSE 'mixed' END AS provenance
    FROM measured
    WHERE branch IN (:branch_a, :branch_b)
    GROUP BY experiment, method, variant, dataset, category, k_shot, seed, task, run_id, created_at
) AS both_branches
