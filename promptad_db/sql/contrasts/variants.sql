-- Terms of the section variants: the means of each variant and of the reference over the cells of both, and their difference.
WITH latest AS (
    SELECT
        chosen.trial, chosen.variant, chosen.run_id, chosen.task, chosen.dataset, numbers.category, numbers.branch,
        numbers.auroc, chosen.series,
        ROW_NUMBER() OVER (
            PARTITION BY chosen.setting, numbers.category, numbers.branch ORDER BY chosen.number DESC
        ) AS age
    FROM numbers
    JOIN chosen ON chosen.number = numbers.number
    WHERE numbers.auroc IS NOT NULL AND numbers.branch = ANY(CAST(:shown AS VARCHAR[]))
),
compared AS (
    SELECT
        own.run_id, own.task, own.dataset, own.category, own.branch, own.auroc,
        reference.run_id AS reference_run,
        reference.auroc AS reference_auroc,
        CONCAT_WS(CHR(31), own.task, own.dataset, own.variant, own.branch) AS row_key,
        1.0 / COUNT(*) OVER (PARTITION BY own.series, own.branch, own.category) AS share
    FROM latest AS own
    JOIN latest AS reference
        ON reference.trial = own.trial AND reference.category = own.category AND reference.branch = own.branch
    WHERE own.age = 1 AND reference.age = 1 AND own.variant <> :reference AND reference.variant = :reference
),
weighted AS (
    SELECT *, share / SUM(share) OVER (PARTITION BY row_key) AS weight FROM compared
)
SELECT CONCAT_WS(CHR(31), row_key, 'mean'), run_id, task, dataset, category, branch, weight, auroc FROM weighted
UNION ALL
SELECT
    CONCAT_WS(CHR(31), row_key, 'reference_mean'), reference_run, task, dataset, category, branch, weight,
    reference_auroc
FROM weighted
UNION ALL
SELECT CONCAT_WS(CHR(31), row_key, 'delta'), run_id, task, dataset, category, branch, weight, auroc FROM weighted
UNION ALL
SELECT
    CONCAT_WS(CHR(31), row_key, 'delta'), reference_run, task, dataset, category, branch, -weight, reference_auroc
FROM weighted
