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
    task, gate, dataset, category,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(semantic_share) AS semantic_share,
    1 - AVG(semantic_share) AS memory_share,
    AVG(gap) AS mean_gap
FROM seed_averages
GROUP BY task, gate, dataset, category
ORDER BY task, gate, dataset, category
