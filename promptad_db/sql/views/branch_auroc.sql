-- One row a cell and branch (per method and variant of an experiment; its latest run counts): the AUROC, 0..1, exact if
-- there is an exact one, else reported, never approx; NULL where it is undefined.
SELECT
    experiment, method, variant, dataset, category, k_shot, seed, task, branch,
    COALESCE(exact, reported) AS auroc,
    CASE WHEN exact IS NULL AND reported IS NOT NULL THEN 'reported' ELSE 'exact' END AS provenance,
    CASE WHEN exact IS NULL THEN COALESCE(reported_precision, 0) ELSE 0 END AS precision,
    run_id
FROM (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY experiment, method, variant, dataset, category, k_shot, seed, task, branch
            ORDER BY created_at DESC, run_id DESC
        ) AS age
    FROM auroc_by_provenance
    WHERE truths > 0
) AS by_age
WHERE age = 1
