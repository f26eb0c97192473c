-- Terms of the section fusion: the mean of each rule, and its gains over the better branch of each cell and over memory.
WITH fused AS (
    SELECT
        cells.run_id, cells.task, cells.dataset, cells.category, cells.semantic, cells.memory, numbers.branch, numbers.auroc,
        CONCAT_WS(CHR(31), cells.task, numbers.branch) AS row_key,
        1.0 / COUNT(*) OVER (PARTITION BY cells.place, cells.category, numbers.branch) AS share
    FROM cells
    JOIN numbers ON numbers.number = cells.number AND numbers.category = cells.category
    WHERE cells.age = 1
        AND cells.gap IS NOT NULL
        AND numbers.auroc IS NOT NULL
        AND numbers.branch NOT IN (:branch_a, :branch_b)
),
weighted AS (
    SELECT *, share / SUM(share) OVER (PARTITION BY row_key) AS weight FROM fused
)
SELECT CONCAT_WS(CHR(31), row_key, 'mean'), run_id, task, dataset, category, branch, weight, auroc FROM weighted
UNION ALL
SELECT
    CONCAT_WS(CHR(31), row_key, gain.name), run_id, task, dataset, category, branch, weight, auroc
FROM weighted
CROSS JOIN (
    SELECT 'gain_over_memory' AS name
    UNION ALL SELECT 'gain_over_better_branch'
) AS gain
UNION ALL
SELECT CONCAT_WS(CHR(31), row_key, 'gain_over_memory'), run_id, task, dataset, category, :branch_b, -weight, memory
FROM weighted
UNION ALL
SELECT
    CONCAT_WS(CHR(31), row_key, 'gain_over_better_branch'), run_id, task, dataset, category,
    CASE WHEN semantic > memory THEN :branch_a ELSE :branch_b END, -weight, GREATEST(semantic, memory)
FROM weighted
