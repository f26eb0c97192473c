-- One row a cell and other branch of a method and variant: fusion_cells with the names of what was run.
SELECT
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset, fusion_cells.category, run_keys.k_shot,
    run_keys.seed, run_keys.task, fusion_cells.branch, fusion_cells.auroc, fusion_cells.provenance, fusion_cells.tolerance,
    fusion_cells.semantic, fusion_cells.memory, fusion_cells.run_number, fusion_cells.semantic_run,
    fusion_cells.memory_run, fusion_cells.of_several_runs, fusion_cells.setting,
    run_keys.setting_across_seeds AS series,
    run_keys.sweep
FROM fusion_cells
JOIN run_keys ON run_keys.run_number = fusion_cells.run_number
