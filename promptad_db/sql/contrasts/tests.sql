-- Terms of the section significance: in each cell of a slice of the runs memory - semantic, each fusion - memory, and each fusion -
-- the better branch.
WITH fused AS (
    SELECT
        cells.run_id, cells.task, cells.dataset, cells.category, cells.semantic, cells.memory, numbers.branch, numbers.auroc,
        CONCAT_WS(
            CHR(31), cells.dataset, cells.category, CAST(cells.k_shot AS VARCHAR), COALESCE(CAST(cells.seed AS VARCHAR), ''),
            cells.experiment
        ) AS cell
    FROM slices
    JOIN cells ON cells.number = slices.number
    JOIN numbers ON numbers.number = cells.number AND numbers.category = cells.category
    WHERE slices.slice = :slice
        AND cells.age = 1
        AND cells.gap IS NOT NULL
        AND numbers.auroc IS NOT NULL
        AND numbers.branch <> :branch_a
),
better AS (
    SELECT
        *,
        CASE WHEN semantic > memory THEN :branch_a ELSE :branch_b END AS better_branch,
        GREATEST(semantic, memory) AS better_auroc
    FROM fused
    WHERE branch <> :branch_b
)
SELECT CONCAT_WS(CHR(31), task, branch, :branch_a, cell), run_id, task, dataset, category, branch, 1, auroc
FROM fused
WHERE branch = :branch_b
UNION ALL
SELECT CONCAT_WS(CHR(31), task, branch, :branch_a, cell), run_id, task, dataset, category, :branch_a, -1, semantic
FROM fused
WHERE branch = :branch_b
UNION ALL
SELECT CONCAT_WS(CHR(31), task, branch, :branch_b, cell), run_id, task, dataset, category, branch, 1, auroc FROM better
UNION ALL
SELECT CONCAT_WS(CHR(31), task, branch, :branch_b, cell), run_id, task, dataset, category, :branch_b, -1, memory FROM better
UNION ALL
SELECT CONCAT_WS(CHR(31), task, branch, 'better branch', cell), run_id, task, dataset, category, branch, 1, auroc
FROM better
UNION ALL
SELECT
    CONCAT_WS(CHR(31), task, branch, 'better branch', cell), run_id, task, dataset, category, better_branch, -1,
    better_auroc
FROM better
