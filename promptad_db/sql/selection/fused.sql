-- One row a cell and other branch, as fused, of the setting that counts for the cell.
SELECT
    cells.experiment, cells.method, cells.variant, cells.dataset, cells.category, cells.k_shot, cells.seed, cells.task,
    fusion_cells.branch, fusion_cells.auroc, fusion_cells.provenance, fusion_cells.tolerance, fusion_cells.semantic,
    fusion_cells.memory, fusion_cells.run_number, fusion_cells.semantic_run, fusion_cells.memory_run,
    fusion_cells.of_several_runs, fusion_cells.setting, cells.series, cells.sweep, cells.level
FROM fusion_cells
JOIN cells ON cells.setting = fusion_cells.setting AND cells.category = fusion_cells.category
