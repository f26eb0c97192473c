-- Fill pairs: both branches of each run and category side by side; age 1 is the run that counts for a cell.
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
    provenance,
    ROW_NUMBER() OVER (PARTITION BY cell, category ORDER BY branches DESC, number DESC) AS age
FROM (
    SELECT
        numbers.number, numbers.category, chosen.cell,
        MAX(CASE WHEN numbers.branch = :branch_a THEN numbers.auroc END) AS semantic,
        MAX(CASE WHEN numbers.branch = :branch_b THEN numbers.auroc END) AS memory,
        MAX(numbers.precision) AS precision,
        COUNT(*) AS branches,
        CASE
            WHEN MIN(numbers.provenance) = MAX(numbers.provenance) THEN MIN(numbers.provenance)
            ELSE 'mixed'
        END AS provenance
    FROM numbers
    JOIN chosen ON chosen.number = numbers.number
    WHERE numbers.branch IN (:branch_a, :branch_b)
    GROUP BY numbers.number, numbers.category, chosen.cell
) AS both_branches
