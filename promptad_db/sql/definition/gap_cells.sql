-- One row a setting and category: both branches side by side, 0..1, gap = memory - semantic. They are of one run wherever a run
-- has both, the latest such; only where none has, of the latest run of each.
-- parameters: branch_a, branch_b
WITH runs_of_both AS (
    SELECT *, COUNT(*) OVER (PARTITION BY run_number, category) AS branches
    FROM run_auroc
    WHERE branch IN (:branch_a, :branch_b)
),
ranked AS (
    SELECT
        *,
        ROW_NUMBER() OVER (
            PARTITION BY setting, category, branch ORDER BY branches DESC, run_number DESC
        ) AS priority
    FROM runs_of_both
),
side_by_side AS (
    SELECT
        setting, category,
        MAX(CASE WHEN priority = 1 AND branch = :branch_a THEN auroc END) AS semantic,
        MAX(CASE WHEN priority = 1 AND branch = :branch_b THEN auroc END) AS memory,
        MAX(CASE WHEN priority = 1 AND branch = :branch_a THEN run_number END) AS semantic_run,
        MAX(CASE WHEN priority = 1 AND branch = :branch_b THEN run_number END) AS memory_run,
        MAX(CASE WHEN priority = 1 THEN tolerance END) AS tolerance,
        MIN(CASE WHEN priority = 1 THEN provenance END) AS first_provenance,
        MAX(CASE WHEN priority = 1 THEN provenance END) AS last_provenance,
        MAX(priority) AS runs
    FROM ranked
    GROUP BY setting, category
)
SELECT
    setting, category, semantic, memory,
    memory - semantic AS gap,
    ABS(memory - semantic) AS abs_gap,
    CASE
        WHEN memory - semantic IS NULL THEN NULL
        WHEN memory = semantic OR ABS(memory - semantic) < tolerance THEN 'tie'
        WHEN memory > semantic THEN :branch_a
        ELSE :branch_b
    END COLLATE "C" AS weak_branch,
    CASE WHEN first_provenance = last_provenance THEN first_provenance ELSE 'mixed' END AS provenance,
    tolerance, runs, semantic_run, memory_run,
    GREATEST(semantic_run, memory_run) AS run_number,
    COALESCE(semantic_run <> memory_run, FALSE) AS of_two_runs
FROM side_by_side
