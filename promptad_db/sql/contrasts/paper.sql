-- Terms of the section paper: the mean of each row over categories, seeds averaged within a category first.
SELECT
    ARRAY[task, experiment, method, variant, branch, dataset, CAST(k_shot AS VARCHAR)],
    'mean',
    run_id, level, task, dataset, category, branch,
    share / SUM(share) OVER (PARTITION BY series, branch),
    auroc
FROM (
    SELECT
        run_keys.*,
        run_keys.setting_across_seeds AS series,
        run_auroc.category, run_auroc.branch, run_auroc.auroc,
        1.0 / COUNT(*) OVER (
            PARTITION BY run_keys.setting_across_seeds, run_auroc.branch, run_auroc.category
        ) AS share
    FROM run_auroc
    JOIN run_keys ON run_keys.run_number = run_auroc.run_number
    WHERE run_auroc.recency = 1 AND run_auroc.auroc IS NOT NULL
) AS shared
