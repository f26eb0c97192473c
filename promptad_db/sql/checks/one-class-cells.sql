-- Ground truth of one class only has no AUROC: the cell is left out of every average.
SELECT
    'warning' AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task,
    CAST(NULL AS VARCHAR) AS branch,
    checked.run_id,
    CONCAT(
        'no AUROC: all ', MAX(metrics.n_pos + metrics.n_neg), ' ', checked.level, 's are ',
        CASE WHEN MAX(metrics.n_pos) = 0 THEN 'normal' ELSE 'anomalous' END
    ) AS what,
    'test on images of both classes, or leave the category out' AS advice
FROM checked
JOIN metrics
    ON metrics.run_id = checked.run_id AND metrics.category = checked.category AND metrics.level = checked.level
WHERE metrics.metric = 'auroc'
    AND metrics.provenance = 'exact'
    AND metrics.value IS NULL
    AND (metrics.n_pos = 0 OR metrics.n_neg = 0)
GROUP BY
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task, checked.level, checked.run_id, checked.run_number
ORDER BY checked.run_number, checked.category
