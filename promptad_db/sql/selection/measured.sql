-- Fill measured: one row a run, category and branch of the selection, under the provenance that was asked for.
INSERT INTO measured
SELECT
    runs.experiment, runs.method, runs.variant, runs.dataset, numbers.category, runs.k_shot, runs.seed, runs.task,
    numbers.branch, numbers.value, numbers.provenance, numbers.precision, runs.run_id, runs.created_at
FROM runs
JOIN metrics AS numbers ON numbers.run_id = runs.run_id
WHERE numbers.metric = 'auroc'
    AND numbers.level = CASE runs.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
    AND (
        numbers.provenance = :provenance
        OR (
            :provenance = 'best'
            AND (
                numbers.provenance = 'exact'
                OR (
                    numbers.provenance = 'reported'
                    AND NOT EXISTS (
                        SELECT 1
                        FROM metrics AS better
                        WHERE better.provenance = 'exact'
                            AND better.run_id = numbers.run_id
                            AND better.category = numbers.category
                            AND better.branch = numbers.branch
                            AND better.level = numbers.level
                            AND better.metric = numbers.metric
                    )
                )
            )
        )
    )
    AND (CAST(:tasks AS VARCHAR[]) IS NULL OR runs.task = ANY(CAST(:tasks AS VARCHAR[])))
    AND (CAST(:experiments AS VARCHAR[]) IS NULL OR runs.experiment = ANY(CAST(:experiments AS VARCHAR[])))
    AND (CAST(:datasets AS VARCHAR[]) IS NULL OR runs.dataset = ANY(CAST(:datasets AS VARCHAR[])))
    AND (CAST(:categories AS VARCHAR[]) IS NULL OR numbers.category = ANY(CAST(:categories AS VARCHAR[])))
    AND (CAST(:k_shots AS INTEGER[]) IS NULL OR runs.k_shot = ANY(CAST(:k_shots AS INTEGER[])))
    AND (CAST(:seeds AS BIGINT[]) IS NULL OR runs.seed = ANY(CAST(:seeds AS BIGINT[])))
    AND (CAST(:methods AS VARCHAR[]) IS NULL OR runs.method = ANY(CAST(:methods AS VARCHAR[])))
    AND (CAST(:variants AS VARCHAR[]) IS NULL OR runs.variant = ANY(CAST(:variants AS VARCHAR[])))
    AND (CAST(:run_ids AS VARCHAR[]) IS NULL OR runs.run_id = ANY(CAST(:run_ids AS VARCHAR[])))
