-- One row a task, tested pair and category: the difference averaged over seeds, then over K, and in how many cells. Pairs are
-- memory - semantic, each fusion - memory and each fusion - the better branch of a cell.
-- parameters: branch_a, branch_b
WITH gains AS (
    SELECT
        task, dataset, category, k_shot, branch,
        auroc - memory AS over_memory,
        auroc - GREATEST(semantic, memory) AS over_better
    FROM fused
    WHERE auroc IS NOT NULL AND semantic IS NOT NULL AND memory IS NOT NULL
),
differences AS (
    SELECT task, dataset, category, k_shot, 0 AS position, :branch_b AS branch, :branch_a AS against, gap AS difference
    FROM cells
    WHERE gap IS NOT NULL
    UNION ALL
    SELECT task, dataset, category, k_shot, 1, branch, :branch_b, over_memory FROM gains
    UNION ALL
    SELECT task, dataset, category, k_shot, 1, branch, 'better branch', over_better FROM gains
),
seed_averages AS (
    SELECT task, dataset, category, k_shot, position, branch, against, COUNT(*) AS cells, AVG(difference) AS difference
    FROM differences
    GROUP BY task, dataset, category, k_shot, position, branch, against
)
SELECT
    task, branch, against, dataset, category,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(difference) AS difference
FROM seed_averages
GROUP BY task, position, branch, against, dataset, category
ORDER BY task, position, branch, against DESC, dataset, category
