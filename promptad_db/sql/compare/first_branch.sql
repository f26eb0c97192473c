-- One row a cell of the first of two branches, of the run that the cell takes it from.
-- parameters: label
SELECT
    cells.task, cells.level, :label AS branch, cells.dataset, cells.category, cells.k_shot, cells.seed,
    cells.semantic AS auroc,
    cells.tolerance, run_keys.run_id
FROM cells
JOIN run_keys ON run_keys.run_number = cells.semantic_run
