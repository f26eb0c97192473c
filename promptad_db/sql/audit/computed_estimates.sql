-- The old-style estimates from the score means of the cells' own runs: max AUROC x branch mean / larger branch mean.
-- parameters: branch_a, branch_b
SELECT
    cells.setting, cells.category,
    fused.auroc * means.semantic / means.larger AS semantic,
    fused.auroc * means.memory / means.larger AS memory
FROM cells
JOIN run_auroc AS fused
    ON fused.run_number = cells.run_number AND fused.category = cells.category AND fused.branch = 'max'
JOIN (
    SELECT
        run_id, category, level,
        MAX(CASE WHEN branch = :branch_a THEN mean END) AS semantic,
        MAX(CASE WHEN branch = :branch_b THEN mean END) AS memory,
        MAX(mean) AS larger
    FROM branch_stats
    WHERE branch IN (:branch_a, :branch_b)
    GROUP BY run_id, category, level
    HAVING COUNT(*) = 2 AND MIN(mean) >= 0 AND MAX(mean) > 0
) AS means
    ON means.run_id = cells.run_id AND means.category = cells.category AND means.level = cells.level
WHERE NOT cells.of_two_runs
