-- Reported numbers a hundredth of what they should be, as of fractions taken for percents: AUROCs below 2 %, or any number whose
-- exact one is a hundred times as large.
WITH reported AS (
    SELECT
        checked.run_number, checked.setting, checked.category, metrics.branch, metrics.level, metrics.metric, metrics.value
    FROM checked
    JOIN metrics ON metrics.run_id = checked.run_id AND metrics.category = checked.category
    WHERE metrics.provenance = 'reported' AND (metrics.value < 0.02 OR metrics.metric = 'auroc')
),
of_runs AS (
    SELECT
        run_number,
        COUNT(*) AS aurocs,
        MAX(value) AS highest
    FROM reported
    WHERE metric = 'auroc'
    GROUP BY run_number
    HAVING MAX(value) < 0.02
),
of_cells AS (
    SELECT
        reported.run_number, reported.category, reported.branch, reported.level, reported.metric, reported.value,
        MAX(exact.value) AS exact
    FROM reported
    LEFT JOIN checked AS recomputed
        ON recomputed.setting = reported.setting AND recomputed.category = reported.category
    LEFT JOIN metrics AS exact
        ON exact.run_id = recomputed.run_id
        AND exact.category = recomputed.category
        AND exact.branch = reported.branch
        AND exact.level = reported.level
        AND exact.metric = reported.metric
        AND exact.provenance = 'exact'
        AND exact.value > 0.1
        AND ABS(exact.value - 100 * reported.value) <= 0.02
    WHERE reported.value < 0.02
        AND NOT EXISTS (SELECT 1 FROM of_runs WHERE of_runs.run_number = reported.run_number)
    GROUP BY
        reported.run_number, reported.category, reported.branch, reported.level, reported.metric, reported.value
    HAVING MAX(exact.value) IS NOT NULL OR reported.metric = 'auroc'
)
SELECT
    'error' AS severity,
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset,
    CAST(NULL AS VARCHAR) AS category,
    run_keys.k_shot, run_keys.seed, run_keys.task,
    CAST(NULL AS VARCHAR) AS branch,
    run_keys.run_id,
    CONCAT(
        'all ', of_runs.aurocs, ' reported AUROCs are below 2 %, the highest is ',
        CAST(100 * of_runs.highest AS NUMERIC(9, 4)), ' %'
    ) AS what,
    'fractions taken for percents? put the file into percent, ingest it again with --replace' AS advice
FROM of_runs
JOIN run_keys ON run_keys.run_number = of_runs.run_number
UNION ALL
SELECT
    'error', checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task, of_cells.branch, checked.run_id,
    CONCAT(
        of_cells.level, ' ', of_cells.metric, ' reported as ', CAST(100 * of_cells.value AS NUMERIC(9, 4)), ' %',
        CASE
            WHEN of_cells.exact IS NOT NULL THEN CONCAT(
                ', a hundredth of the recomputed ', CAST(100 * of_cells.exact AS NUMERIC(9, 4)), ' %'
            )
        END
    ),
    'fractions taken for percents? put the file into percent, ingest it again with --replace'
FROM of_cells
JOIN checked ON checked.run_number = of_cells.run_number AND checked.category = of_cells.category
ORDER BY experiment, task, dataset, category NULLS FIRST, k_shot, seed, method, variant, branch, what, run_id
