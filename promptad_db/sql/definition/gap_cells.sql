-- One row a setting and category: both branches side by side, 0..1, gap = memory - semantic. They are of one run wherever a run
-- has both, the latest such; only where none has, of the latest run of each.
-- parameters: branch_a, branch_b
WITH of_runs AS (
    SELECT
        run_number, setting, category,
        MAX(CASE WHEN branch = :branch_a THEN auroc END) AS semantic,
        MAX(CASE WHEN branch = :branch_b THEN auroc END) AS memory,
        MAX(tolerance) AS tolerance,
        MIN(provenance) AS first_provenance,
        MAX(provenance) AS last_provenance,
        COUNT(*) AS branches
    FROM run_auroc
    WHERE branch IN (:branch_a, :branch_b)
    GROUP BY run_number, setting, category
),
latest AS (
    SELECT
        setting, category,
        MAX(CASE WHEN branches = 2 THEN run_number END) AS run_number,
        COUNT(*) AS runs
    FROM of_runs
    GROUP BY setting, category
),
side_by_side AS (
    SELECT
        latest.setting, latest.category, of_runs.semantic, of_runs.memory,
        latest.run_number AS semantic_run,
        latest.run_number AS memory_run,
        of_runs.tolerance, of_runs.first_provenance, of_runs.last_provenance, latest.runs
    FROM latest
    JOIN of_runs ON of_runs.run_number = latest.run_number AND of_runs.category = latest.category
    UNION ALL
    SELECT
        latest.setting, latest.category,
        MAX(CASE WHEN of_each.branch = :branch_a THEN of_each.auroc END),
        MAX(CASE WHEN of_each.branch = :branch_b THEN of_each.auroc END),
        MAX(CASE WHEN of_each.branch = :branch_a THEN of_each.run_number END),
        MAX(CASE WHEN of_each.branch = :branch_b THEN of_each.run_number END),
        MAX(of_each.tolerance), MIN(of_each.provenance), MAX(of_each.provenance), latest.runs
    FROM latest
    JOIN run_auroc AS of_each ON of_each.setting = latest.setting AND of_each.category = latest.category
    WHERE latest.run_number IS NULL AND of_each.recency = 1 AND of_each.branch IN (:branch_a, :branch_b)
    GROUP BY latest.setting, latest.category, latest.runs
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
