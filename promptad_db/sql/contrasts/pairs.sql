-- Terms of the sections that set both branches side by side: semantic, memory and gap of each of their rows, which :shown names.
SELECT
    CONCAT_WS(CHR(31), keyed.row_key, quantity.name), keyed.run_id, keyed.task, keyed.dataset, keyed.category,
    quantity.branch, quantity.sign * keyed.share / SUM(keyed.share) OVER (PARTITION BY keyed.row_key, quantity.name, quantity.branch),
    CASE quantity.branch WHEN :branch_a THEN keyed.semantic ELSE keyed.memory END
FROM (
    SELECT
        run_id, task, dataset, category, semantic, memory,
        CONCAT_WS(
            CHR(31),
            task,
            CASE WHEN :section IN ('datasets', 'worst', 'categories') THEN dataset END,
            CASE WHEN :section IN ('worst', 'categories') THEN category END,
            CASE WHEN :section IN ('k-shot', 'worst') THEN CAST(k_shot AS VARCHAR) END,
            CASE WHEN :section = 'worst' THEN COALESCE(CAST(seed AS VARCHAR), '') END
        ) AS row_key,
        1.0 / COUNT(*) OVER (PARTITION BY experiment, dataset, category, k_shot, task) AS share
    FROM cells
    WHERE age = 1 AND gap IS NOT NULL
) AS keyed
CROSS JOIN (
    SELECT 'semantic' AS name, :branch_a AS branch, 1 AS sign
    UNION ALL SELECT 'memory', :branch_b, 1
    UNION ALL SELECT 'gap', :branch_b, 1
    UNION ALL SELECT 'gap', :branch_a, -1
) AS quantity
WHERE keyed.row_key IN (SELECT UNNEST(STRING_TO_ARRAY(:shown, CHR(30))))
