-- Terms of the section paper: the mean of each row over categories, seeds averaged within a category first.
SELECT
    CONCAT_WS(CHR(31), row_key, 'mean'), run_id, task, dataset, category, branch,
    share / SUM(share) OVER (PARTITION BY row_key), auroc
FROM (
    SELECT
        *,
        CONCAT_WS(
            CHR(31), task, experiment, method, variant, branch, dataset, CAST(k_shot AS VARCHAR)
        ) AS row_key,
        1.0 / COUNT(*) OVER (PARTITION BY series, branch, category) AS share
    FROM (
        SELECT
            chosen.*, numbers.category, numbers.branch, numbers.auroc,
            ROW_NUMBER() OVER (
                PARTITION BY chosen.setting, numbers.category, numbers.branch ORDER BY chosen.number DESC
            ) AS age
        FROM numbers
        JOIN chosen ON chosen.number = numbers.number
        WHERE numbers.auroc IS NOT NULL
    ) AS by_age
    WHERE age = 1
) AS keyed
