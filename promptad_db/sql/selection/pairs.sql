-- Fill pairs: both branches of each run and category side by side. Age 1 counts for a cell; rivals are aged later.
INSERT INTO pairs
SELECT
    number, category, semantic, memory,
    memory - semantic AS gap,
    ABS(memory - semantic) AS abs_gap,
    CASE
        WHEN memory - semantic IS NULL THEN NULL
        WHEN memory = semantic OR ABS(memory - semantic) < precision * 0.999999 THEN 'tie'
        WHEN memory > semantic THEN :branch_a
        ELSE :branch_b
    END AS weak_branch,
    CASE WHEN first_provenance = last_provenance THEN first_provenance ELSE 'mixed' END AS provenance,
    branches,
    1 AS age
FROM (
    SELECT
        number, category,
        MAX(CASE WHEN branch = :branch_a THEN auroc END) AS semantic,
        MAX(CASE WHEN branch = :branch_b THEN auroc END) AS memory,
        MAX(precision) AS precision,
        COUNT(*) AS branches,
        MIN(provenance) AS first_provenance,
        MAX(provenance) AS last_provenance
    FROM numbers
    WHERE branch IN (:branch_a, :branch_b)
    GROUP BY number, category
) AS both_branches
