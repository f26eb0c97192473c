-- How often the gate picked each branch (a soft one: how it weighed them), and the gap, memory - semantic.

-- A gate picked well where memory_share is large with a gap above zero, or small with one below.
WITH seed_averages AS (
    SELECT
        gates.task, gates.gate, gates.dataset, gates.series, gates.category,
        COUNT(*) AS cells,
        AVG(metrics.value) AS semantic_share,
        AVG(memory.auroc - semantic.auroc) AS gap
    FROM gate_numbers AS gates
    JOIN metrics
        ON metrics.run_id = gates.run_id
        AND metrics.category = gates.category
        AND metrics.branch = gates.gate
        AND metrics.metric = 'semantic_share'
        AND metrics.level = gates.level
    LEFT JOIN run_auroc AS semantic
        ON semantic.run_number = gates.run_number AND semantic.category = gates.category AND semantic.branch = 'semantic'
    LEFT JOIN run_auroc AS memory
        ON memory.run_number = gates.run_number AND memory.category = gates.category AND memory.branch = 'memory'
    WHERE metrics.value IS NOT NULL
    GROUP BY gates.task, gates.gate, gates.dataset, gates.series, gates.category
)
SELECT
    seed_averages.task, seed_averages.gate, seed_averages.dataset, seed_averages.category,
    CAST(SUM(seed_averages.cells) AS BIGINT) AS cells,
    AVG(seed_averages.semantic_share) AS semantic_share,
    1 - AVG(seed_averages.semantic_share) AS memory_share,
    AVG(seed_averages.gap) AS mean_gap,
    branch_kinds.kind, branch_kinds.supervision, branch_kinds.upper_bound
FROM seed_averages
LEFT JOIN branch_kinds ON branch_kinds.branch = seed_averages.gate
GROUP BY
    seed_averages.task, seed_averages.gate, seed_averages.dataset, seed_averages.category, branch_kinds.kind,
    branch_kinds.supervision, branch_kinds.upper_bound
ORDER BY seed_averages.task, seed_averages.gate, seed_averages.dataset, seed_averages.category
