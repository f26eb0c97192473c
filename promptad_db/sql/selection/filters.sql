-- The runs that the filters choose; it ends the text of run_keys.
-- parameters: datasets, experiments, k_shots, methods, run_ids, seeds, tasks, variants
WHERE (CAST(:tasks AS VARCHAR[]) IS NULL OR task = ANY(CAST(:tasks AS VARCHAR[])))
    AND (CAST(:experiments AS VARCHAR[]) IS NULL OR experiment = ANY(CAST(:experiments AS VARCHAR[])))
    AND (CAST(:datasets AS VARCHAR[]) IS NULL OR dataset = ANY(CAST(:datasets AS VARCHAR[])))
    AND (CAST(:k_shots AS BIGINT[]) IS NULL OR k_shot = ANY(CAST(:k_shots AS BIGINT[])))
    AND (CAST(:seeds AS BIGINT[]) IS NULL OR seed = ANY(CAST(:seeds AS BIGINT[])))
    AND (CAST(:methods AS VARCHAR[]) IS NULL OR method = ANY(CAST(:methods AS VARCHAR[])))
    AND (CAST(:variants AS VARCHAR[]) IS NULL OR variant = ANY(CAST(:variants AS VARCHAR[])))
    AND (CAST(:run_ids AS VARCHAR[]) IS NULL OR run_id = ANY(CAST(:run_ids AS VARCHAR[])))
