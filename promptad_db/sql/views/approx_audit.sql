-- One row a run and category that has an old-style estimate stored or could have one: the estimate
-- (max AUROC x branch mean / larger branch mean, from score means alone) beside the true AUROC of both branches, 0..1.
SELECT
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset, semantic.category, run_keys.k_shot,
    run_keys.seed, run_keys.task, run_keys.run_id,
    COALESCE(semantic.approx, COALESCE(fused.exact, fused.reported) * stats.semantic_mean / stats.larger_mean)
        AS semantic_estimate,
    COALESCE(memory.approx, COALESCE(fused.exact, fused.reported) * stats.memory_mean / stats.larger_mean)
        AS memory_estimate,
    COALESCE(semantic.exact, semantic.reported) AS semantic,
    COALESCE(memory.exact, memory.reported) AS memory
FROM numbers_by_provenance AS semantic
JOIN run_keys ON run_keys.run_number = semantic.run_number
JOIN numbers_by_provenance AS memory
    ON memory.run_number = semantic.run_number AND memory.category = semantic.category AND memory.branch = 'memory'
LEFT JOIN numbers_by_provenance AS fused
    ON fused.run_number = semantic.run_number AND fused.category = semantic.category AND fused.branch = 'max'
LEFT JOIN (
    SELECT
        run_id,
        category,
        level,
        MAX(CASE WHEN branch = 'semantic' THEN mean END) AS semantic_mean,
        MAX(CASE WHEN branch = 'memory' THEN mean END) AS memory_mean,
        NULLIF(MAX(mean), 0) AS larger_mean
    FROM branch_stats
    WHERE branch IN ('semantic', 'memory')
    GROUP BY run_id, category, level
    HAVING COUNT(*) = 2 AND MIN(mean) >= 0
) AS stats
    ON stats.run_id = run_keys.run_id AND stats.category = semantic.category AND stats.level = run_keys.level
WHERE semantic.branch = 'semantic' AND (semantic.approx IS NOT NULL OR stats.larger_mean IS NOT NULL)
