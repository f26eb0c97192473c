-- Terms of the section variants: the means of each variant and of the reference over the cells of both, and their difference.
WITH compared AS (
    SELECT
        own_run.run_id, own_run.level, own_run.task, own_run.dataset, own.category, own.branch, own.auroc,
        reference_run.run_id AS reference_run,
        reference.auroc AS reference_auroc,
        ARRAY[own_run.task, own_run.dataset, own_run.variant, own.branch] AS row_key,
        1.0 / COUNT(*) OVER (PARTITION BY own.series, own.branch, own.category) AS share
    FROM variant_numbers AS own
    JOIN variant_numbers AS reference
        ON reference.of_variants = own.of_variants AND reference.category = own.category AND reference.branch = own.branch
    JOIN run_keys AS own_run ON own_run.run_number = own.run_number
    JOIN run_keys AS reference_run ON reference_run.run_number = reference.run_number
    WHERE NOT own.of_reference AND reference.of_reference
),
weighted AS (
    SELECT *, share / SUM(share) OVER (PARTITION BY row_key) AS weight FROM compared
)
SELECT row_key, 'mean', run_id, level, task, dataset, category, branch, weight, auroc FROM weighted
UNION ALL
SELECT row_key, 'reference_mean', reference_run, level, task, dataset, category, branch, weight, reference_auroc
FROM weighted
UNION ALL
SELECT row_key, 'delta', run_id, level, task, dataset, category, branch, weight, auroc FROM weighted
UNION ALL
SELECT row_key, 'delta', reference_run, level, task, dataset, category, branch, -weight, reference_auroc FROM weighted
