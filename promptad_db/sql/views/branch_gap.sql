-- One row a cell (per method and variant of an experiment): semantic and memory AUROC, gap = memory - semantic, 0..1, of the
-- latest run that has both, else of the latest of each (of_two_runs); weak_branch is the lower one, 'tie' when they are equal
-- or differ by less than the reported numbers' precision.
SELECT
    cells.experiment, cells.method, cells.variant, cells.dataset, cells.category, cells.k_shot, cells.seed, cells.task,
    cells.semantic, cells.memory, cells.gap, cells.abs_gap, cells.weak_branch, cells.provenance, cells.of_two_runs,
    semantic_run.run_id AS semantic_run_id,
    memory_run.run_id AS memory_run_id
FROM cells
LEFT JOIN run_keys AS semantic_run ON semantic_run.run_number = cells.semantic_run
LEFT JOIN run_keys AS memory_run ON memory_run.run_number = cells.memory_run
