-- Rows of one side: the latest run of each cell and branch, as wide as the selection that fills it.
SELECT task, branch, dataset, category, k_shot, seed, auroc, precision, provenance, run_id
FROM (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY dataset, category, k_shot, seed, task, branch ORDER BY created_at DESC, run_id DESC
        ) AS age
    FROM measured
) AS by_age
WHERE age = 1
