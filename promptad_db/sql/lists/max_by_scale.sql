-- One row a task where max is one and the same branch, within its tolerance, in nine of ten cells or more, three at least: of
-- cells of one run whose branches differ.
WITH three_numbers AS (
    SELECT
        cells.task,
        ABS(fused.auroc - cells.semantic) < fused.tolerance OR fused.auroc = cells.semantic AS is_semantic,
        ABS(fused.auroc - cells.memory) < fused.tolerance OR fused.auroc = cells.memory AS is_memory
    FROM run_auroc AS fused
    JOIN cells ON cells.run_number = fused.run_number AND cells.category = fused.category
    WHERE fused.branch = 'max'
        AND fused.auroc IS NOT NULL
        AND NOT cells.of_two_runs
        AND cells.semantic <> cells.memory
        AND ABS(cells.gap) >= COALESCE(cells.tolerance, 0)
),
counts AS (
    SELECT
        task,
        COUNT(*) AS cells,
        COUNT(CASE WHEN is_semantic THEN 1 END) AS semantic_cells,
        COUNT(CASE WHEN is_memory THEN 1 END) AS memory_cells
    FROM three_numbers
    GROUP BY task
)
SELECT
    task, cells,
    CASE WHEN semantic_cells > memory_cells THEN 'semantic' ELSE 'memory' END AS branch,
    GREATEST(semantic_cells, memory_cells) AS equal_cells
FROM counts
WHERE cells >= 3 AND 10 * GREATEST(semantic_cells, memory_cells) >= 9 * cells
ORDER BY task
