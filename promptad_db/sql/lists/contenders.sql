-- One row a task, method, variant, branch and category: the AUROC averaged over seeds, then over K (and experiments), and of
-- which cells; of repeated runs the latest counts, and a cell where it is undefined is none. What chooses with the test labels
-- does not contend.
WITH contending AS (
    SELECT
        run_keys.task, run_keys.method, run_keys.variant, run_auroc.branch, run_keys.dataset, run_auroc.category,
        run_keys.cell, run_keys.cell_across_seeds, run_auroc.auroc
    FROM run_auroc
    JOIN run_keys ON run_keys.run_number = run_auroc.run_number
    LEFT JOIN branch_kinds ON branch_kinds.branch = run_auroc.branch
    WHERE run_auroc.recency = 1
        AND run_auroc.auroc IS NOT NULL
        AND NOT COALESCE(branch_kinds.upper_bound, FALSE)
),
seed_averages AS (
    SELECT
        task, method, variant, branch, dataset, category, cell_across_seeds,
        AVG(auroc) AS auroc,
        STRING_AGG(CAST(cell AS VARCHAR), ' ' ORDER BY cell) AS cells
    FROM contending
    GROUP BY task, method, variant, branch, dataset, category, cell_across_seeds
)
SELECT
    task, method, variant, branch, dataset, category,
    STRING_AGG(cells, ' ' ORDER BY cell_across_seeds) AS cells,
    AVG(auroc) AS auroc
FROM seed_averages
GROUP BY task, method, variant, branch, dataset, category
ORDER BY task, method, variant, branch, dataset, category
