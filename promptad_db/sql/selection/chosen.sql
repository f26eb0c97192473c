-- Fill chosen: one row a run of the selection, numbered by time. A setting is what was run, and its twins repeat it; a
-- series is the settings that differ by their seed alone, a trial those that differ by their variant alone. A cell is what a report has one run for, and its rivals may be
-- of other methods and variants; a place is the cells that differ by their seed alone.
INSERT INTO chosen
SELECT
    ROW_NUMBER() OVER (ORDER BY created_at, run_id),
    DENSE_RANK() OVER (ORDER BY experiment, method, variant, dataset, k_shot, seed, task),
    COUNT(*) OVER (PARTITION BY experiment, method, variant, dataset, k_shot, seed, task),
    DENSE_RANK() OVER (ORDER BY experiment, method, variant, dataset, k_shot, task),
    DENSE_RANK() OVER (ORDER BY experiment, method, dataset, k_shot, seed, task),
    DENSE_RANK() OVER (ORDER BY experiment, dataset, k_shot, seed, task),
    COUNT(*) OVER (PARTITION BY experiment, dataset, k_shot, seed, task),
    DENSE_RANK() OVER (ORDER BY experiment, dataset, k_shot, task),
    run_id, experiment, method, variant, dataset, k_shot, seed, task, created_at
FROM runs
WHERE (CAST(:tasks AS VARCHAR[]) IS NULL OR task = ANY(CAST(:tasks AS VARCHAR[])))
    AND (CAST(:experiments AS VARCHAR[]) IS NULL OR experiment = ANY(CAST(:experiments AS VARCHAR[])))
    AND (CAST(:datasets AS VARCHAR[]) IS NULL OR dataset = ANY(CAST(:datasets AS VARCHAR[])))
    AND (CAST(:k_shots AS BIGINT[]) IS NULL OR k_shot = ANY(CAST(:k_shots AS BIGINT[])))
    AND (CAST(:seeds AS BIGINT[]) IS NULL OR seed = ANY(CAST(:seeds AS BIGINT[])))
    AND (CAST(:methods AS VARCHAR[]) IS NULL OR method = ANY(CAST(:methods AS VARCHAR[])))
    AND (CAST(:variants AS VARCHAR[]) IS NULL OR variant = ANY(CAST(:variants AS VARCHAR[])))
    AND (CAST(:run_ids AS VARCHAR[]) IS NULL OR run_id = ANY(CAST(:run_ids AS VARCHAR[])))
