-- Fill estimates from the stored approx numbers of the selection: of each cell baseline's, else the latest.
INSERT INTO estimates
SELECT
    experiment, dataset, category, k_shot, seed, task,
    MAX(CASE WHEN branch = :branch_a THEN value END),
    MAX(CASE WHEN branch = :branch_b THEN value END),
    NULL
FROM (
    SELECT
        runs.experiment, runs.dataset, metrics.category, runs.k_shot, runs.seed, runs.task, metrics.branch, metrics.value,
        ROW_NUMBER() OVER (
            PARTITION BY
                runs.experiment, runs.dataset, metrics.category, runs.k_shot, runs.seed, runs.task, metrics.branch
            ORDER BY CASE WHEN runs.variant = 'baseline' THEN 0 ELSE 1 END, runs.created_at DESC, runs.run_id DESC
        ) AS age
    FROM chosen AS runs
    JOIN metrics ON metrics.run_id = runs.run_id
    WHERE metrics.provenance = 'approx'
        AND metrics.metric = 'auroc'
        AND metrics.level = CASE runs.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
) AS by_age
WHERE age = 1 AND branch IN (:branch_a, :branch_b)
GROUP BY experiment, dataset, category, k_shot, seed, task
