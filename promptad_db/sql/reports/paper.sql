-- Mean AUROC over categories, with the standard deviation over seeds; the best of a column is bold.
WITH latest AS (
    SELECT *
    FROM (
        SELECT
            *,
            ROW_NUMBER() OVER (
                PARTITION BY experiment, method, variant, dataset, category, k_shot, seed, task, branch
                ORDER BY created_at DESC, run_id DESC
            ) AS age
        FROM measured
        WHERE auroc IS NOT NULL
    ) AS by_age
    WHERE age = 1
),
seed_averages AS (
    SELECT task, experiment, method, variant, branch, dataset, k_shot, seed, AVG(auroc) AS mean
    FROM latest
    GROUP BY task, experiment, method, variant, branch, dataset, k_shot, seed
),
deviations AS (
    SELECT
        task, experiment, method, variant, branch, dataset, k_shot,
        COUNT(*) AS seeds,
        STDDEV_SAMP(mean) AS std
    FROM seed_averages
    GROUP BY task, experiment, method, variant, branch, dataset, k_shot
),
category_averages AS (
    SELECT task, experiment, method, variant, branch, dataset, k_shot, COUNT(*) AS cells, AVG(auroc) AS auroc
    FROM latest
    GROUP BY task, experiment, method, variant, branch, dataset, k_shot, category
),
means AS (
    SELECT task, experiment, method, variant, branch, dataset, k_shot, CAST(SUM(cells) AS BIGINT) AS cells, AVG(auroc) AS mean
    FROM category_averages
    GROUP BY task, experiment, method, variant, branch, dataset, k_shot
)
SELECT
    means.task, means.experiment, means.method, means.variant, means.branch, means.dataset, means.k_shot,
    deviations.seeds, means.cells, means.mean, deviations.std
FROM means
JOIN deviations
    ON deviations.task = means.task
    AND deviations.experiment = means.experiment
    AND deviations.method = means.method
    AND deviations.variant = means.variant
    AND deviations.branch = means.branch
    AND deviations.dataset = means.dataset
    AND deviations.k_shot = means.k_shot
ORDER BY means.task, means.experiment, means.method, means.variant, means.branch, means.dataset, means.k_shot
