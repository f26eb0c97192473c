-- One row a task, method, variant, branch and category: the AUROC averaged over seeds, then over K (and experiments), and of
-- which cells; of repeated runs the latest counts, and a cell where it is undefined is none. What chooses with the test labels
-- does not contend.
WITH latest AS (
    SELECT number, category, branch, auroc
    FROM (
        SELECT
            numbers.*,
            ROW_NUMBER() OVER (
                PARTITION BY chosen.setting, numbers.category, numbers.branch ORDER BY numbers.number DESC
            ) AS age
        FROM numbers
        JOIN chosen ON chosen.number = numbers.number
    ) AS by_age
    WHERE age = 1 AND auroc IS NOT NULL
),
contending AS (
    SELECT
        chosen.task, chosen.method, chosen.variant, latest.branch, chosen.dataset, latest.category, chosen.cell,
        chosen.place, latest.auroc
    FROM latest
    JOIN chosen ON chosen.number = latest.number
    WHERE NOT EXISTS (
        SELECT 1
        FROM branches
        WHERE branches.run_id = chosen.run_id
            AND branches.category = latest.category
            AND branches.branch = latest.branch
            AND branches.kind = 'oracle'
    )
),
measured AS (
    SELECT task, method, variant, branch, dataset, category, ARRAY_AGG(cell ORDER BY cell) AS cells
    FROM contending
    GROUP BY task, method, variant, branch, dataset, category
),
averages AS (
    SELECT task, method, variant, branch, dataset, category, AVG(auroc) AS auroc
    FROM (
        SELECT task, method, variant, branch, dataset, category, AVG(auroc) AS auroc
        FROM contending
        GROUP BY task, method, variant, branch, dataset, category, place
    ) AS seed_averages
    GROUP BY task, method, variant, branch, dataset, category
)
SELECT
    averages.task, averages.method, averages.variant, averages.branch, averages.dataset, averages.category,
    measured.cells, averages.auroc
FROM averages
JOIN measured
    ON measured.task = averages.task
    AND measured.method = averages.method
    AND measured.variant = averages.variant
    AND measured.branch = averages.branch
    AND measured.dataset = averages.dataset
    AND measured.category = averages.category
ORDER BY
    averages.task, averages.method, averages.variant, averages.branch, averages.dataset, averages.category
