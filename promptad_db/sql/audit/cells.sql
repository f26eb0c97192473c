-- The largest errors first; an error is estimate - truth.
-- parameters: branch_a, branch_b
SELECT
    cells.dataset, cells.category, cells.k_shot, cells.seed, cells.task,
    estimates.semantic AS semantic_estimate,
    cells.semantic,
    estimates.semantic - cells.semantic AS error_semantic,
    estimates.memory AS memory_estimate,
    cells.memory,
    estimates.memory - cells.memory AS error_memory,
    estimates.memory - estimates.semantic AS gap_estimate,
    cells.gap,
    CASE
        WHEN estimates.memory > estimates.semantic THEN :branch_a
        WHEN estimates.memory < estimates.semantic THEN :branch_b
        ELSE 'tie'
    END AS weak_branch_estimate,
    cells.weak_branch,
    fused.auroc AS max_auroc,
    cells.provenance, cells.experiment
FROM cells
JOIN estimates ON estimates.setting = cells.setting AND estimates.category = cells.category
LEFT JOIN run_auroc AS fused
    ON fused.run_number = cells.run_number
    AND fused.category = cells.category
    AND fused.branch = 'max'
    AND NOT cells.of_two_runs
WHERE cells.gap IS NOT NULL AND estimates.semantic IS NOT NULL AND estimates.memory IS NOT NULL
ORDER BY
    GREATEST(ABS(estimates.semantic - cells.semantic), ABS(estimates.memory - cells.memory)) DESC,
    cells.task, cells.dataset, cells.category, cells.k_shot, cells.seed, cells.experiment
