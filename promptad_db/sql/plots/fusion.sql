-- One row a task, fusion and branch that it is set against: the mean and the percentiles of its gain over the cells.
-- parameters: branch_b
WITH gains AS (
    SELECT
        task,
        branch AS rule,
        auroc - memory AS over_memory,
        auroc - GREATEST(semantic, memory) AS over_better
    FROM fused
    WHERE auroc IS NOT NULL AND semantic IS NOT NULL AND memory IS NOT NULL
),
both_sides AS (
    SELECT task, rule, 1 AS side, :branch_b AS against, over_memory AS gain FROM gains
    UNION ALL
    SELECT task, rule, 2 AS side, 'the better branch' AS against, over_better AS gain FROM gains
)
SELECT
    both_sides.task, both_sides.rule, both_sides.against,
    COUNT(*) AS cells,
    AVG(gain) AS mean,
    PERCENTILE_CONT(0.05) WITHIN GROUP (ORDER BY gain) AS low,
    PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY gain) AS lower,
    PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY gain) AS median,
    PERCENTILE_CONT(0.75) WITHIN GROUP (ORDER BY gain) AS upper,
    PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY gain) AS high,
    branch_kinds.kind, branch_kinds.supervision, branch_kinds.upper_bound
FROM both_sides
LEFT JOIN branch_kinds ON branch_kinds.branch = both_sides.rule
GROUP BY
    both_sides.task, both_sides.rule, both_sides.side, both_sides.against, branch_kinds.kind, branch_kinds.supervision,
    branch_kinds.upper_bound
ORDER BY both_sides.task, both_sides.side, CAST(1e9 * AVG(gain) AS BIGINT) DESC, both_sides.rule
