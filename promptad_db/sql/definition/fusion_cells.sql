-- One row a setting, category and other branch: its AUROC beside both branches, 0..1, all of one run wherever a run has the
-- three, the latest such; only where none has, its latest run beside the pair of gap_cells.
-- parameters: branch_a, branch_b
WITH pairs AS (
    SELECT
        run_number, category,
        MAX(CASE WHEN branch = :branch_a THEN auroc END) AS semantic,
        MAX(CASE WHEN branch = :branch_b THEN auroc END) AS memory
    FROM run_auroc
    WHERE branch IN (:branch_a, :branch_b)
    GROUP BY run_number, category
    HAVING COUNT(*) = 2
),
ranked AS (
    SELECT
        others.setting, others.category, others.branch, others.auroc, others.provenance, others.tolerance,
        others.run_number, pairs.semantic, pairs.memory,
        pairs.run_number IS NULL AS alone,
        ROW_NUMBER() OVER (
            PARTITION BY others.setting, others.category, others.branch
            ORDER BY CASE WHEN pairs.run_number IS NULL THEN 1 ELSE 0 END, others.run_number DESC
        ) AS priority
    FROM run_auroc AS others
    LEFT JOIN pairs ON pairs.run_number = others.run_number AND pairs.category = others.category
    WHERE others.branch NOT IN (:branch_a, :branch_b)
)
SELECT
    ranked.setting, ranked.category, ranked.branch, ranked.auroc, ranked.provenance, ranked.tolerance, ranked.run_number,
    CASE WHEN ranked.alone THEN gap_cells.semantic ELSE ranked.semantic END AS semantic,
    CASE WHEN ranked.alone THEN gap_cells.memory ELSE ranked.memory END AS memory,
    CASE WHEN ranked.alone THEN gap_cells.semantic_run ELSE ranked.run_number END AS semantic_run,
    CASE WHEN ranked.alone THEN gap_cells.memory_run ELSE ranked.run_number END AS memory_run,
    ranked.alone AS of_several_runs
FROM ranked
LEFT JOIN gap_cells ON gap_cells.setting = ranked.setting AND gap_cells.category = ranked.category
WHERE ranked.priority = 1
