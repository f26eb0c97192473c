-- Runs of one configuration (experiment, method, variant, dataset, K, seed, task) with different AUROCs: a seed that
-- does not reproduce, or two things under one name. A report silently takes the latest. An error from 0.1 points on.
SELECT
    CASE WHEN MAX(metrics.value) - MIN(metrics.value) >= 0.001 THEN 'error' ELSE 'warning' END AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task, metrics.branch,
    MAX(checked.run_id) AS run_id,
    CONCAT(
        COUNT(*), ' runs of one configuration: ', metrics.provenance, ' AUROC ',
        CAST(100 * MIN(metrics.value) AS NUMERIC(9, 2)), ' to ', CAST(100 * MAX(metrics.value) AS NUMERIC(9, 2))
    ) AS what,
    'see how they differ (promptad-db runs show), delete the wrong one, or name a variant or experiment apart' AS advice
FROM checked
JOIN metrics
    ON metrics.run_id = checked.run_id AND metrics.category = checked.category AND metrics.level = checked.level
WHERE checked.repeats > 1 AND metrics.metric = 'auroc' AND metrics.provenance <> 'approx'
GROUP BY
    checked.setting, checked.experiment, checked.method, checked.variant, checked.dataset, checked.category,
    checked.k_shot, checked.seed, checked.task, metrics.branch, metrics.provenance
HAVING MAX(metrics.value) - MIN(metrics.value) > GREATEST(MAX(metrics.precision), 0.000000001)
ORDER BY MAX(metrics.value) - MIN(metrics.value) DESC, checked.setting, checked.category, metrics.branch
