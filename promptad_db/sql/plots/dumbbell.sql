-- One row a cell, of each task those with the largest gaps: both AUROCs with their intervals where there are any.
-- parameters: branch_a, branch_b, top
WITH ranked AS (
    SELECT
        *,
        COUNT(*) OVER (PARTITION BY task) AS cells,
        ROW_NUMBER() OVER (
            PARTITION BY task ORDER BY abs_gap DESC, dataset, category, k_shot, seed, run_number
        ) AS rank_of_gap
    FROM cells
    WHERE gap IS NOT NULL
),
intervals AS (
    SELECT run_keys.run_number, metrics.category, metrics.branch, metrics.value, metrics.ci_low, metrics.ci_high
    FROM run_keys
    JOIN metrics ON metrics.run_id = run_keys.run_id AND metrics.level = run_keys.level
    WHERE metrics.metric = 'auroc' AND metrics.ci_low IS NOT NULL AND metrics.branch IN (:branch_a, :branch_b)
)
SELECT
    ranked.task, ranked.experiment, ranked.method, ranked.variant, ranked.dataset, ranked.category, ranked.k_shot,
    ranked.seed,
    :branch_a AS branch_a,
    :branch_b AS branch_b,
    ranked.semantic AS auroc_a,
    ranked.memory AS auroc_b,
    ranked.gap, ranked.abs_gap,
    first.ci_low AS low_a,
    first.ci_high AS high_a,
    second.ci_low AS low_b,
    second.ci_high AS high_b,
    ranked.provenance,
    ranked.cells
FROM ranked
LEFT JOIN intervals AS first
    ON first.run_number = ranked.semantic_run
    AND first.category = ranked.category
    AND first.branch = :branch_a
    AND first.value = ranked.semantic
LEFT JOIN intervals AS second
    ON second.run_number = ranked.memory_run
    AND second.category = ranked.category
    AND second.branch = :branch_b
    AND second.value = ranked.memory
WHERE ranked.rank_of_gap <= :top
ORDER BY ranked.task, ranked.rank_of_gap
