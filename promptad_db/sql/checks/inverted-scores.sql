-- A branch with an AUROC far below 50 % ranks normal above anomalous: the sign of its scores is turned, or labels or masks are.
-- A cell is, where the whole interval is below 50 % (without one, an AUROC below 40 %); an error where a whole run is, below
-- 45 % on average over three categories or more, or in all its cells.
WITH numbers AS (
    SELECT
        checked.run_number, checked.category, metrics.branch,
        COALESCE(
            MAX(CASE WHEN metrics.provenance = 'exact' THEN metrics.value END), MAX(metrics.value)
        ) AS auroc,
        MAX(CASE WHEN metrics.provenance = 'exact' THEN metrics.ci_high END) AS ci_high
    FROM checked
    JOIN metrics
        ON metrics.run_id = checked.run_id AND metrics.category = checked.category AND metrics.level = checked.level
    WHERE metrics.metric = 'auroc'
        AND (metrics.provenance = 'exact' OR (metrics.provenance = 'reported' AND metrics.value >= 0.02))
        AND metrics.value IS NOT NULL
    GROUP BY checked.run_number, checked.category, metrics.branch
),
judged AS (
    SELECT
        run_number, category, branch, auroc, ci_high,
        COALESCE(ci_high < 0.5, auroc < 0.4) AS below_chance
    FROM numbers
),
of_runs AS (
    SELECT
        run_number, branch,
        COUNT(*) AS categories,
        AVG(auroc) AS mean,
        MAX(auroc) AS highest
    FROM judged
    GROUP BY run_number, branch
    HAVING (COUNT(*) >= 3 AND AVG(auroc) < 0.45) OR COUNT(*) = COUNT(CASE WHEN below_chance THEN 1 END)
)
SELECT
    'error' AS severity,
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset,
    CAST(NULL AS VARCHAR) AS category,
    run_keys.k_shot, run_keys.seed, run_keys.task, of_runs.branch, run_keys.run_id,
    CONCAT(
        'the AUROC of ', of_runs.branch, ' is ', CAST(100 * of_runs.mean AS NUMERIC(9, 2)), ' %',
        CASE
            WHEN of_runs.categories > 1 THEN CONCAT(
                ' on average over ', of_runs.categories, ' categories, the highest ',
                CAST(100 * of_runs.highest AS NUMERIC(9, 2)), ' %'
            )
        END
    ) AS what,
    'higher must mean more anomalous: turn the sign of the scores, or labels or masks if those are turned, and score again'
        AS advice
FROM of_runs
JOIN run_keys ON run_keys.run_number = of_runs.run_number
UNION ALL
SELECT
    'warning', checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task, judged.branch, checked.run_id,
    CONCAT(
        'the AUROC of ', judged.branch, ' is ', CAST(100 * judged.auroc AS NUMERIC(9, 2)), ' %',
        CASE
            WHEN judged.ci_high IS NOT NULL
                THEN CONCAT(', the upper end of its interval ', CAST(100 * judged.ci_high AS NUMERIC(9, 2)), ' %')
        END
    ),
    'higher must mean more anomalous: turn the sign of the scores, or labels or masks if those are turned, and score again'
FROM judged
JOIN checked ON checked.run_number = judged.run_number AND checked.category = judged.category
WHERE judged.below_chance
    AND NOT EXISTS (
        SELECT 1 FROM of_runs WHERE of_runs.run_number = judged.run_number AND of_runs.branch = judged.branch
    )
ORDER BY severity, experiment, task, dataset, category NULLS FIRST, k_shot, seed, method, variant, branch, run_id
