-- Mean AUROC over categories, with the standard deviation over seeds; the best of a column is bold.
WITH latest AS (
    SELECT chosen.setting, numbers.category, numbers.branch, numbers.auroc
    FROM numbers
    JOIN chosen ON chosen.number = numbers.number
    WHERE chosen.twins = 1 AND numbers.auroc IS NOT NULL
    UNION ALL
    SELECT setting, category, branch, auroc
    FROM (
        SELECT
            chosen.setting, numbers.category, numbers.branch, numbers.auroc,
            ROW_NUMBER() OVER (
                PARTITION BY chosen.setting, numbers.category, numbers.branch ORDER BY chosen.number DESC
            ) AS age
        FROM numbers
        JOIN chosen ON chosen.number = numbers.number
        WHERE chosen.twins > 1 AND numbers.auroc IS NOT NULL
    ) AS by_age
    WHERE age = 1
),
settings AS (
    SELECT DISTINCT setting, task, experiment, method, variant, dataset, k_shot, seed FROM chosen
),
seed_averages AS (
    SELECT settings.*, averages.branch, averages.mean
    FROM (SELECT setting, branch, AVG(auroc) AS mean FROM latest GROUP BY setting, branch) AS averages
    JOIN settings ON settings.setting = averages.setting
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
    SELECT
        settings.task, settings.experiment, settings.method, settings.variant, latest.branch, settings.dataset,
        settings.k_shot, COUNT(*) AS cells, AVG(latest.auroc) AS auroc
    FROM latest
    JOIN settings ON settings.setting = latest.setting
    GROUP BY
        settings.task, settings.experiment, settings.method, settings.variant, latest.branch, settings.dataset,
        settings.k_shot, latest.category
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
