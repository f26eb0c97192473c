-- One row a series of seeds and branch: the mean AUROC over categories, seeds averaged first, 0..1, and the standard deviation
-- of the seeds' means over the categories that all of them have; std_leaves_out counts the others.
WITH latest AS (
    SELECT
        run_keys.setting_across_seeds AS series, run_keys.setting, run_auroc.category, run_auroc.branch, run_auroc.auroc,
        COUNT(*) OVER (PARTITION BY run_keys.setting_across_seeds, run_auroc.branch, run_auroc.category) AS seeds
    FROM run_auroc
    JOIN run_keys ON run_keys.run_number = run_auroc.run_number
    WHERE run_auroc.recency = 1 AND run_auroc.auroc IS NOT NULL
),
seeds AS (
    SELECT series, branch, COUNT(DISTINCT setting) AS seeds FROM latest GROUP BY series, branch
),
deviations AS (
    SELECT series, branch, STDDEV_SAMP(mean) AS std
    FROM (
        SELECT latest.series, latest.branch, AVG(latest.auroc) AS mean
        FROM latest
        JOIN seeds ON seeds.series = latest.series AND seeds.branch = latest.branch AND seeds.seeds = latest.seeds
        GROUP BY latest.series, latest.branch, latest.setting
    ) AS seed_averages
    GROUP BY series, branch
),
category_averages AS (
    SELECT series, branch, category, COUNT(*) AS cells, AVG(auroc) AS auroc FROM latest GROUP BY series, branch, category
)
SELECT
    category_averages.series, category_averages.branch, seeds.seeds,
    COUNT(*) AS categories,
    CAST(SUM(category_averages.cells) AS BIGINT) AS cells,
    AVG(category_averages.auroc) AS mean,
    deviations.std,
    COUNT(CASE WHEN category_averages.cells < seeds.seeds THEN 1 END) AS std_leaves_out
FROM category_averages
JOIN seeds ON seeds.series = category_averages.series AND seeds.branch = category_averages.branch
LEFT JOIN deviations ON deviations.series = category_averages.series AND deviations.branch = category_averages.branch
GROUP BY category_averages.series, category_averages.branch, seeds.seeds, deviations.std
