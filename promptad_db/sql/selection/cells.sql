-- One row a cell, as cells, with one setting a cell: one with both branches first, of these baseline, then the latest. Seeds
-- and categories are averaged over whatever setting counts.
WITH ranked AS (
    SELECT
        gap_cells.setting, gap_cells.category,
        CAST(SUM(gap_cells.runs) OVER same_cell AS BIGINT) AS runs,
        MIN(run_keys.variant) OVER same_cell <> MAX(run_keys.variant) OVER same_cell AS of_several_variants,
        ROW_NUMBER() OVER (
            PARTITION BY run_keys.cell, gap_cells.category
            ORDER BY
                CASE WHEN gap_cells.semantic_run IS NULL OR gap_cells.memory_run IS NULL THEN 1 ELSE 0 END,
                CASE WHEN run_keys.variant = 'baseline' THEN 0 ELSE 1 END,
                gap_cells.run_number DESC
        ) AS priority
    FROM gap_cells
    JOIN run_keys ON run_keys.run_number = gap_cells.run_number
    WHERE run_keys.others_of_cell > 0
    WINDOW same_cell AS (PARTITION BY run_keys.cell, gap_cells.category)
)
SELECT
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset, gap_cells.category, run_keys.k_shot,
    run_keys.seed, run_keys.task, gap_cells.semantic, gap_cells.memory, gap_cells.gap, gap_cells.abs_gap,
    gap_cells.weak_branch, gap_cells.provenance, gap_cells.tolerance, gap_cells.semantic_run, gap_cells.memory_run,
    gap_cells.run_number, gap_cells.of_two_runs, gap_cells.setting,
    run_keys.cell_across_seeds AS series,
    0 AS sweep,
    run_keys.run_id, run_keys.level, run_keys.cell,
    COALESCE(ranked.runs, gap_cells.runs) AS runs,
    COALESCE(ranked.of_several_variants, FALSE) AS of_several_variants
FROM gap_cells
JOIN run_keys ON run_keys.run_number = gap_cells.run_number
LEFT JOIN ranked ON ranked.setting = gap_cells.setting AND ranked.category = gap_cells.category
WHERE COALESCE(ranked.priority, 1) = 1
