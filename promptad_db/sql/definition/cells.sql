-- One row a cell of a method and variant: gap_cells with the names of what was run. series is what seeds are averaged within,
-- sweep what categories are.
SELECT
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset, gap_cells.category, run_keys.k_shot,
    run_keys.seed, run_keys.task, gap_cells.semantic, gap_cells.memory, gap_cells.gap, gap_cells.abs_gap,
    gap_cells.weak_branch, gap_cells.provenance, gap_cells.tolerance, gap_cells.runs, gap_cells.semantic_run,
    gap_cells.memory_run, gap_cells.run_number, gap_cells.of_two_runs, gap_cells.setting,
    run_keys.setting_across_seeds AS series,
    run_keys.sweep, run_keys.run_id, run_keys.level
FROM gap_cells
JOIN run_keys ON run_keys.run_number = gap_cells.run_number
