-- Terms of compare: the means of both sides and their difference, over all cells of a task and branch (totals), category by
-- category (categories), or in each cell (tests).
WITH both_runs AS (
    SELECT
        one.task, one.dataset, one.category,
        COALESCE(:first_branch, one.branch) AS branch_a,
        COALESCE(:second_branch, one.branch) AS branch_b,
        one.run_id AS run_a, other.run_id AS run_b, one.auroc AS a, other.auroc AS b,
        CONCAT_WS(
            CHR(31),
            one.task,
            one.branch,
            CASE WHEN :section IN ('categories', 'tests') THEN one.dataset END,
            CASE WHEN :section IN ('categories', 'tests') THEN one.category END,
            CASE WHEN :section = 'tests' THEN CAST(one.k_shot AS VARCHAR) END,
            CASE WHEN :section = 'tests' THEN COALESCE(CAST(one.seed AS VARCHAR), '') END
        ) AS row_key,
        CASE
            WHEN :section = 'categories' THEN 1.0
            ELSE 1.0 / COUNT(*) OVER (PARTITION BY one.task, one.branch, one.dataset, one.category, one.k_shot)
        END AS share
    FROM side_a AS one
    JOIN side_b AS other
        ON other.task = one.task
        AND other.branch = one.branch
        AND other.dataset = one.dataset
        AND other.category = one.category
        AND other.k_shot = one.k_shot
        AND other.seed IS NOT DISTINCT FROM one.seed
    WHERE one.auroc IS NOT NULL AND other.auroc IS NOT NULL
),
weighted AS (
    SELECT *, share / SUM(share) OVER (PARTITION BY row_key) AS weight FROM both_runs
)
SELECT CONCAT_WS(CHR(31), row_key, 'a'), run_a, task, dataset, category, branch_a, weight, a FROM weighted
UNION ALL
SELECT CONCAT_WS(CHR(31), row_key, 'b'), run_b, task, dataset, category, branch_b, weight, b FROM weighted
UNION ALL
SELECT CONCAT_WS(CHR(31), row_key, 'delta'), run_b, task, dataset, category, branch_b, weight, b FROM weighted
UNION ALL
SELECT CONCAT_WS(CHR(31), row_key, 'delta'), run_a, task, dataset, category, branch_a, -weight, a FROM weighted
