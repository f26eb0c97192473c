-- The categories of one run: the AUROC of both branches at the level of its task (the exact one, else the reported one),
-- the gap, memory - semantic, and the best fusion but for the oracles.
-- parameters: run_id
WITH numbers AS (
    SELECT
        metrics.category, metrics.branch,
        COALESCE(
            MAX(CASE WHEN metrics.provenance = 'exact' THEN metrics.value END),
            MAX(CASE WHEN metrics.provenance = 'reported' THEN metrics.value END)
        ) AS auroc
    FROM metrics
    JOIN runs ON runs.run_id = metrics.run_id
        AND metrics.level = CASE runs.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
    WHERE metrics.run_id = :run_id AND metrics.metric = 'auroc'
    GROUP BY metrics.category, metrics.branch
)
SELECT
    run_categories.category,
    MAX(CASE WHEN numbers.branch = 'semantic' THEN numbers.auroc END) AS semantic,
    MAX(CASE WHEN numbers.branch = 'memory' THEN numbers.auroc END) AS memory,
    MAX(CASE WHEN numbers.branch = 'memory' THEN numbers.auroc END)
        - MAX(CASE WHEN numbers.branch = 'semantic' THEN numbers.auroc END) AS gap,
    MAX(CASE WHEN branches.kind IN ('fusion', 'gate') THEN numbers.auroc END) AS best_fusion,
    run_categories.n_images AS images,
    run_categories.n_anomalous AS anomalous
FROM run_categories
LEFT JOIN numbers ON numbers.category = run_categories.category
LEFT JOIN branches
    ON branches.run_id = run_categories.run_id
    AND branches.category = numbers.category
    AND branches.branch = numbers.branch
WHERE run_categories.run_id = :run_id
GROUP BY run_categories.category, run_categories.n_images, run_categories.n_anomalous
ORDER BY run_categories.category
