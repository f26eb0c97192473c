-- What each fusion rule gains over the better branch and over memory alone.
WITH fused AS (
    SELECT
        cells.experiment, cells.dataset, cells.category, cells.k_shot, cells.task, numbers.branch AS rule,
        COUNT(*) AS cells,
        AVG(numbers.auroc) AS mean,
        AVG(numbers.auroc - GREATEST(cells.semantic, cells.memory)) AS gain_over_better_branch,
        AVG(numbers.auroc - cells.memory) AS gain_over_memory,
        COUNT(CASE WHEN numbers.auroc > cells.memory THEN 1 END) AS cells_above_memory
    FROM cells
    JOIN numbers ON numbers.number = cells.number AND numbers.category = cells.category
    WHERE cells.age = 1
        AND cells.gap IS NOT NULL
        AND numbers.auroc IS NOT NULL
        AND numbers.branch NOT IN (:branch_a, :branch_b)
    GROUP BY cells.experiment, cells.dataset, cells.category, cells.k_shot, cells.task, numbers.branch
)
SELECT
    task, rule,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(mean) AS mean,
    AVG(gain_over_better_branch) AS gain_over_better_branch,
    AVG(gain_over_memory) AS gain_over_memory,
    CAST(SUM(cells_above_memory) AS BIGINT) AS cells_above_memory
FROM fused
GROUP BY task, rule
ORDER BY task, CAST(1e9 * AVG(mean) AS BIGINT) DESC, rule
