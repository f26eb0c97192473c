-- One comparison holds numbers computed here and numbers from somebody's file: within a cell the gap then is between
-- two evaluations, between cells an average is over both.
WITH best AS (
    SELECT
        checked.run_number, checked.category, metrics.branch,
        MAX(CASE WHEN metrics.provenance = 'exact' AND metrics.value IS NOT NULL THEN 1 ELSE 0 END) AS is_exact
    FROM checked
    JOIN metrics
        ON metrics.run_id = checked.run_id AND metrics.category = checked.category AND metrics.level = checked.level
    WHERE metrics.metric = 'auroc'
        AND metrics.provenance <> 'approx'
        AND metrics.value IS NOT NULL
        AND metrics.branch IN ('semantic', 'memory')
    GROUP BY checked.run_number, checked.category, metrics.branch
),
cells AS (
    SELECT run_number, category, MIN(is_exact) AS all_exact, MAX(is_exact) AS any_exact
    FROM best
    GROUP BY run_number, category
)
SELECT
    'warning' AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task,
    CAST(NULL AS VARCHAR) AS branch,
    checked.run_id,
    'one branch is exact, the other as reported' AS what,
    'ingest the scores of both branches, or compare with --provenance reported or exact alone' AS advice
FROM cells
JOIN checked ON checked.run_number = cells.run_number AND checked.category = cells.category
WHERE cells.all_exact < cells.any_exact
UNION ALL
SELECT
    'info', checked.experiment, NULL, NULL, NULL, NULL, NULL, NULL, checked.task, NULL, NULL,
    CONCAT(
        'averages are over ', SUM(cells.all_exact), ' exact and ', SUM(1 - cells.any_exact), ' reported cells'
    ),
    'compare with --provenance reported or exact alone where the two evaluations differ'
FROM cells
JOIN checked ON checked.run_number = cells.run_number AND checked.category = cells.category
GROUP BY checked.experiment, checked.task
HAVING SUM(cells.all_exact) > 0 AND SUM(1 - cells.any_exact) > 0
ORDER BY experiment, dataset, category, k_shot, seed, task
