-- How often the gate picked each branch (a soft one: how it weighed them), and the gap, memory - semantic.

-- A gate picked well where memory_share is large with a gap above zero, or small with one below.
WITH picks AS (
    SELECT
        gates.task, gates.gate, gates.dataset, gates.place, gates.category,
        metrics.value AS semantic_share,
        memory.auroc - semantic.auroc AS gap
    FROM gate_numbers AS gates
    JOIN metrics
        ON metrics.run_id = gates.run_id
        AND metrics.category = gates.category
        AND metrics.branch = gates.gate
        AND metrics.metric = 'semantic_share'
        AND metrics.level = CASE gates.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
    LEFT JOIN numbers AS semantic
        ON semantic.number = gates.number AND semantic.category = gates.category AND semantic.branch = 'semantic'
    LEFT JOIN numbers AS memory
        ON memory.number = gates.number AND memory.category = gates.category AND memory.branch = 'memory'
    WHERE metrics.value IS NOT NULL
),
seed_means AS (
    SELECT
        task, gate, dataset, place, category,
        COUNT(*) AS cells,
        AVG(semantic_share) AS semantic_share,
        AVG(gap) AS gap
    FROM picks
    GROUP BY task, gate, dataset, place, category
)
SELECT
    task, gate, dataset, category,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(semantic_share) AS semantic_share,
    1 - AVG(semantic_share) AS memory_share,
    AVG(gap) AS mean_gap
FROM seed_means
GROUP BY task, gate, dataset, category
ORDER BY task, gate, dataset, category
