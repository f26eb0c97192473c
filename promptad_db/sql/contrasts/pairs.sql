-- Terms of the sections that set both branches side by side: semantic, memory and gap of each of their rows, of cells with an
-- absolute gap of :least or more.
-- parameters: branch_a, branch_b, least, section
SELECT
    weighted.row_key, quantity.name, runs.run_id, weighted.level, weighted.task, weighted.dataset, weighted.category,
    quantity.branch, quantity.sign * weighted.weight,
    CASE quantity.branch WHEN :branch_a THEN weighted.semantic ELSE weighted.memory END
FROM (
    SELECT *, share / SUM(share) OVER (PARTITION BY row_key) AS weight
    FROM (
        SELECT
            *,
            CASE :section
                WHEN 'datasets' THEN ARRAY[task, dataset]
                WHEN 'k-shot' THEN ARRAY[task, CAST(k_shot AS VARCHAR)]
                WHEN 'categories' THEN ARRAY[task, dataset, category]
                WHEN 'worst' THEN ARRAY[
                    task, dataset, category, CAST(k_shot AS VARCHAR), COALESCE(CAST(seed AS VARCHAR), ''), experiment
                ]
                ELSE ARRAY[task]
            END AS row_key,
            1.0 / COUNT(*) OVER (PARTITION BY series, category) AS share
        FROM cells
        WHERE gap IS NOT NULL AND abs_gap >= :least
    ) AS keyed
) AS weighted
CROSS JOIN (
    SELECT 'semantic' AS name, :branch_a AS branch, 1 AS sign
    UNION ALL SELECT 'memory', :branch_b, 1
    UNION ALL SELECT 'gap', :branch_b, 1
    UNION ALL SELECT 'gap', :branch_a, -1
) AS quantity
JOIN run_keys AS runs
    ON runs.run_number = CASE quantity.branch WHEN :branch_a THEN weighted.semantic_run ELSE weighted.memory_run END
