-- One row a category, K and task, averaged over seeds: the AUROC of both branches, and the gap of the second to the first.
-- parameters: branch_a, branch_b
SELECT
    dataset, category, k_shot, task,
    :branch_a AS branch_a,
    :branch_b AS branch_b,
    AVG(semantic) AS auroc_a,
    AVG(memory) AS auroc_b,
    AVG(gap) AS gap,
    CAST(SUM(cells) AS BIGINT) AS cells
FROM seed_means
WHERE cells > 0
GROUP BY dataset, category, k_shot, task
ORDER BY task, dataset, category, k_shot
