-- The runs that have one cell, the one that counts first: baseline's, else the latest.
-- parameters: category, dataset, experiment, k_shot, seed, task
SELECT runs.run_id, runs.experiment, runs.method, runs.variant, runs.status, runs.created_at
FROM runs
JOIN run_categories ON run_categories.run_id = runs.run_id
WHERE run_categories.category = :category
    AND runs.dataset = :dataset
    AND runs.task = :task
    AND runs.k_shot = :k_shot
    AND runs.seed IS NOT DISTINCT FROM CAST(:seed AS BIGINT)
    AND (CAST(:experiment AS VARCHAR) IS NULL OR runs.experiment = CAST(:experiment AS VARCHAR))
ORDER BY CASE WHEN runs.variant = 'baseline' THEN 0 ELSE 1 END, runs.created_at DESC, runs.run_id DESC
