-- The stored old-style estimates (approx) of the cells' settings, the latest of each branch.
-- parameters: branch_a, branch_b
SELECT
    setting, category,
    MAX(CASE WHEN branch = :branch_a THEN approx END) AS semantic,
    MAX(CASE WHEN branch = :branch_b THEN approx END) AS memory
FROM (
    SELECT
        setting, category, branch, approx,
        ROW_NUMBER() OVER (PARTITION BY setting, category, branch ORDER BY run_number DESC) AS recency
    FROM numbers_by_provenance
    WHERE approx IS NOT NULL AND branch IN (:branch_a, :branch_b)
) AS by_recency
WHERE recency = 1
GROUP BY setting, category
