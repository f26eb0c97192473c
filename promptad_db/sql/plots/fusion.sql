-- One row a task, fusion and branch that it is set against: the mean and the percentiles of its gain over the cells.
WITH gains AS (
    SELECT
        chosen.task, numbers.branch AS rule,
        numbers.auroc - pairs.memory AS over_memory,
        numbers.auroc - GREATEST(pairs.semantic, pairs.memory) AS over_better
    FROM pairs
    JOIN chosen ON chosen.number = pairs.number
    JOIN numbers ON numbers.number = pairs.number AND numbers.category = pairs.category
    WHERE pairs.age = 1
        AND pairs.gap IS NOT NULL
        AND numbers.auroc IS NOT NULL
        AND numbers.branch NOT IN (:branch_a, :branch_b)
),
both_sides AS (
    SELECT task, rule, 1 AS side, :branch_b AS against, over_memory AS gain FROM gains
    UNION ALL
    SELECT task, rule, 2 AS side, 'the better branch' AS against, over_better AS gain FROM gains
)
SELECT
    task, rule, against,
    COUNT(*) AS cells,
    AVG(gain) AS mean,
    PERCENTILE_CONT(0.05) WITHIN GROUP (ORDER BY gain) AS low,
    PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY gain) AS lower,
    PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY gain) AS median,
    PERCENTILE_CONT(0.75) WITHIN GROUP (ORDER BY gain) AS upper,
    PERCENTILE_CONT(0.95) WITHIN GROUP (ORDER BY gain) AS high
FROM both_sides
GROUP BY task, rule, side, against
ORDER BY task, side, CAST(1e9 * AVG(gain) AS BIGINT) DESC, rule
