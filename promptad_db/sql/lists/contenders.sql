-- One row a task, method, variant, branch and category: the AUROC averaged over seeds, then over K, and in how many cells; of
-- repeated runs the latest counts. What knows the test labels does not contend.
WITH seed_averages AS (
    SELECT
        run_keys.task, run_keys.method, run_keys.variant, run_auroc.branch, run_keys.dataset, run_auroc.category,
        run_keys.k_shot,
        COUNT(*) AS cells,
        AVG(run_auroc.auroc) AS auroc
    FROM run_auroc
    JOIN run_keys ON run_keys.run_number = run_auroc.run_number
    LEFT JOIN branch_kinds ON branch_kinds.branch = run_auroc.branch
    WHERE run_auroc.recency = 1 AND run_auroc.auroc IS NOT NULL AND NOT COALESCE(branch_kinds.upper_bound, FALSE)
    GROUP BY
        run_keys.task, run_keys.method, run_keys.variant, run_auroc.branch, run_keys.dataset, run_auroc.category,
        run_keys.k_shot
)
SELECT
    task, method, variant, branch, dataset, category,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(auroc) AS auroc
FROM seed_averages
GROUP BY task, method, variant, branch, dataset, category
ORDER BY task, method, variant, branch, dataset, category
