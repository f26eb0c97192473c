-- Fill estimates from the score means of the runs: max AUROC x branch mean / larger branch mean.
INSERT INTO estimates
SELECT
    cells.experiment, cells.dataset, cells.category, cells.k_shot, cells.seed, cells.task,
    fused.auroc * means.semantic / means.larger,
    fused.auroc * means.memory / means.larger,
    fused.auroc
FROM cells
JOIN numbers AS fused
    ON fused.number = cells.number AND fused.category = cells.category AND fused.branch = 'max'
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
    ON means.run_id = cells.run_id
    AND means.category = cells.category
    AND means.level = CASE cells.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
WHERE cells.age = 1
