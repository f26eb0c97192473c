-- Fill variant_numbers: one row a setting, category and branch of those shown or paired, by its latest run, where
-- there is an AUROC.
INSERT INTO variant_numbers
SELECT
    chosen.trial, chosen.series, chosen.variant = :reference, numbers.category, numbers.branch, numbers.auroc,
    numbers.precision
FROM numbers
JOIN chosen ON chosen.number = numbers.number
WHERE chosen.twins = 1
    AND numbers.auroc IS NOT NULL
    AND (numbers.branch = ANY(CAST(:shown AS VARCHAR[])) OR numbers.branch IN (:branch_a, :branch_b))
UNION ALL
SELECT trial, series, variant = :reference, category, branch, auroc, precision
FROM (
    SELECT
        chosen.trial, chosen.series, chosen.variant, numbers.category, numbers.branch, numbers.auroc,
        numbers.precision,
        ROW_NUMBER() OVER (
            PARTITION BY chosen.setting, numbers.category, numbers.branch ORDER BY chosen.number DESC
        ) AS age
    FROM numbers
    JOIN chosen ON chosen.number = numbers.number
    WHERE chosen.twins > 1
        AND (numbers.branch = ANY(CAST(:shown AS VARCHAR[])) OR numbers.branch IN (:branch_a, :branch_b))
) AS by_age
WHERE age = 1 AND auroc IS NOT NULL
