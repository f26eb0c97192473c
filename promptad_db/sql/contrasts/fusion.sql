-- Terms of the section fusion: the mean of each rule, and its gains over the better branch of each cell and over memory.
-- parameters: branch_a, branch_b
WITH weighted AS (
    SELECT
        *,
        ARRAY[task, branch] AS row_key,
        CASE WHEN semantic > memory THEN :branch_a ELSE :branch_b END AS better_branch,
        share / SUM(share) OVER (PARTITION BY task, branch) AS weight
    FROM (
        SELECT *, 1.0 / COUNT(*) OVER (PARTITION BY series, category, branch) AS share
        FROM fused
        WHERE auroc IS NOT NULL AND semantic IS NOT NULL AND memory IS NOT NULL
    ) AS shared
),
terms AS (
    SELECT row_key, 'mean' AS quantity, run_number, level, task, dataset, category, branch, weight, auroc FROM weighted
    UNION ALL
    SELECT row_key, 'gain_over_memory', run_number, level, task, dataset, category, branch, weight, auroc FROM weighted
    UNION ALL
    SELECT row_key, 'gain_over_memory', memory_run, level, task, dataset, category, :branch_b, -weight, memory
    FROM weighted
    UNION ALL
    SELECT row_key, 'gain_over_better_branch', run_number, level, task, dataset, category, branch, weight, auroc
    FROM weighted
    UNION ALL
    SELECT
        row_key, 'gain_over_better_branch', CASE WHEN semantic > memory THEN semantic_run ELSE memory_run END, level,
        task, dataset, category, better_branch, -weight, GREATEST(semantic, memory)
    FROM weighted
)
SELECT
    terms.row_key, terms.quantity, run_keys.run_id, terms.level, terms.task, terms.dataset, terms.category, terms.branch,
    terms.weight, terms.auroc
FROM terms
JOIN run_keys ON run_keys.run_number = terms.run_number
