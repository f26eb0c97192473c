-- Terms of compare: the means of both sides and their difference, over all cells of a task and branch (totals) or category by
-- category (categories).
-- parameters: first_branch, second_branch, section
WITH weighted AS (
    SELECT
        *,
        COALESCE(:first_branch, branch) AS branch_a,
        COALESCE(:second_branch, branch) AS branch_b,
        share / SUM(share) OVER (PARTITION BY row_key) AS weight
    FROM (
        SELECT
            *,
            CASE :section
                WHEN 'categories' THEN ARRAY[task, branch, dataset, category]
                ELSE ARRAY[task, branch]
            END AS row_key,
            CASE :section
                WHEN 'categories' THEN 1.0 / COUNT(*) OVER (PARTITION BY task, branch, dataset, category, k_shot)
                    / COUNT(*) OVER (PARTITION BY task, branch, dataset, category)
                ELSE 1.0 / COUNT(*) OVER (PARTITION BY task, branch, dataset, category, k_shot)
            END AS share
        FROM both_sides
    ) AS keyed
)
SELECT row_key, 'a', run_a, level, task, dataset, category, branch_a, weight, a FROM weighted
UNION ALL
SELECT row_key, 'b', run_b, level, task, dataset, category, branch_b, weight, b FROM weighted
UNION ALL
SELECT row_key, 'delta', run_b, level, task, dataset, category, branch_b, weight, b FROM weighted
UNION ALL
SELECT row_key, 'delta', run_a, level, task, dataset, category, branch_a, -weight, a FROM weighted
