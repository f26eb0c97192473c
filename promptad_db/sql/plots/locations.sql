-- One row a cell, the largest gap first: where its run folder is.
SELECT
    cells.task, cells.experiment, cells.method, cells.variant, cells.dataset, cells.category, cells.k_shot, cells.seed,
    cells.semantic AS auroc_a,
    cells.memory AS auroc_b,
    cells.gap, cells.run_id, runs.folder
FROM cells
JOIN runs ON runs.run_id = cells.run_id
ORDER BY
    COALESCE(cells.abs_gap, -1) DESC, cells.task, cells.dataset, cells.category, cells.k_shot, cells.seed,
    cells.run_number
