-- Mean AUROC over categories, with the standard deviation over seeds; the best of a column is bold.
WITH latest AS (
    SELECT chosen.series, chosen.setting, numbers.category, numbers.branch, numbers.auroc
    FROM numbers
    JOIN chosen ON chosen.number = numbers.number
    WHERE chosen.twins = 1 AND numbers.auroc IS NOT NULL
    UNION ALL
    SELECT series, setting, category, branch, auroc
    FROM (
        SELECT
            chosen.series, chosen.setting, numbers.category, numbers.branch, numbers.auroc,
            ROW_NUMBER() OVER (
                PARTITION BY chosen.setting, numbers.category, numbers.branch ORDER BY chosen.number DESC
            ) AS age
        FROM numbers
        JOIN chosen ON chosen.number = numbers.number
        WHERE chosen.twins > 1 AND numbers.auroc IS NOT NULL
    ) AS by_age
    WHERE age = 1
),
seed_averages AS (
    SELECT series, branch, AVG(auroc) AS mean FROM latest GROUP BY series, setting, branch
),
deviations AS (
    SELECT series, branch, COUNT(*) AS seeds, STDDEV_SAMP(mean) AS std FROM seed_averages GROUP BY series, branch
),
category_averages AS (
    SELECT series, branch, COUNT(*) AS cells, AVG(auroc) AS auroc FROM latest GROUP BY series, branch, category
),
means AS (
    SELECT series, branch, CAST(SUM(cells) AS BIGINT) AS cells, AVG(auroc) AS mean
    FROM category_averages
    GROUP BY series, branch
),
named AS (
    SELECT DISTINCT series, task, experiment, method, variant, dataset, k_shot FROM chosen
)
SELECT
    named.task, named.experiment, named.method, named.variant, means.branch, named.dataset, named.k_shot,
    deviations.seeds, means.cells, means.mean, deviations.std
FROM means
JOIN deviations ON deviations.series = means.series AND deviations.branch = means.branch
JOIN named ON named.series = means.series
ORDER BY named.task, named.experiment, named.method, named.variant, means.branch, named.dataset, named.k_shot
