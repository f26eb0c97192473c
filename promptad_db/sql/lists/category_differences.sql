-- One row a task, tested pair and category: the difference averaged over seeds, then over K, and in how many cells. Pairs are
-- memory - semantic, each fusion - memory and each fusion - the better branch of a cell.
WITH fused AS (
    SELECT
        cells.task, cells.dataset, cells.category, cells.k_shot, numbers.branch, numbers.auroc, cells.semantic, cells.memory
    FROM cells
    JOIN numbers ON numbers.number = cells.number AND numbers.category = cells.category
    WHERE cells.age = 1 AND cells.gap IS NOT NULL AND numbers.auroc IS NOT NULL AND numbers.branch <> :branch_a
),
differences AS (
    SELECT
        task, dataset, category, k_shot, branch,
        CASE WHEN branch = :branch_b THEN :branch_a ELSE :branch_b END AS against,
        auroc - CASE WHEN branch = :branch_b THEN semantic ELSE memory END AS difference
    FROM fused
    UNION ALL
    SELECT task, dataset, category, k_shot, branch, 'better branch', auroc - GREATEST(semantic, memory)
    FROM fused
    WHERE branch <> :branch_b
),
seed_means AS (
    SELECT task, dataset, category, k_shot, branch, against, COUNT(*) AS cells, AVG(difference) AS difference
    FROM differences
    GROUP BY task, dataset, category, k_shot, branch, against
)
SELECT
    task, branch, against, dataset, category,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(difference) AS difference
FROM seed_means
GROUP BY task, branch, against, dataset, category
ORDER BY task, CASE WHEN branch = :branch_b THEN 0 ELSE 1 END, branch, against DESC, dataset, category
