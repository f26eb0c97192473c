-- A sweep (a method and variant of an experiment, in one task) should have all its categories with every K and seed: where
-- cells are missing, averages over K or seeds are over different categories.
WITH settings AS (
    SELECT experiment, method, variant, task, k_shot, seed
    FROM (SELECT DISTINCT experiment, method, variant, task, k_shot FROM run_keys) AS shots
    JOIN (SELECT DISTINCT experiment, method, variant, task, seed FROM run_keys) AS seeds
        USING (experiment, method, variant, task)
),
covered AS (
    SELECT DISTINCT experiment, method, variant, task, dataset, category FROM checked
),
expected AS (
    SELECT experiment, method, variant, task, dataset, category, k_shot, seed
    FROM covered
    JOIN settings USING (experiment, method, variant, task)
),
expected_cells AS (
    SELECT
        expected.*,
        EXISTS (
            SELECT 1
            FROM checked
            WHERE checked.experiment = expected.experiment
                AND checked.method = expected.method
                AND checked.variant = expected.variant
                AND checked.task = expected.task
                AND checked.dataset = expected.dataset
                AND checked.category = expected.category
                AND checked.k_shot = expected.k_shot
                AND checked.seed IS NOT DISTINCT FROM expected.seed
        ) AS measured
    FROM expected
)
SELECT
    'warning' AS severity,
    experiment, method, variant, dataset,
    CAST(NULL AS VARCHAR) AS category,
    k_shot, seed, task,
    CAST(NULL AS VARCHAR) AS branch,
    CAST(NULL AS VARCHAR) AS run_id,
    CONCAT(
        'missing are ', COUNT(CASE WHEN NOT measured THEN 1 END), ' of ', COUNT(*), ' categories: ',
        STRING_AGG(CASE WHEN NOT measured THEN category END, ', ' ORDER BY category)
    ) AS what,
    'run or ingest them (promptad-db run --resume goes on with a run), or choose with --category or --k-shot' AS advice
FROM expected_cells
GROUP BY experiment, method, variant, dataset, k_shot, seed, task
HAVING COUNT(CASE WHEN NOT measured THEN 1 END) > 0
ORDER BY experiment, method, variant, task, dataset, k_shot, seed
