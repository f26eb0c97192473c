-- What each fusion rule gains over the better branch and over memory alone.
WITH placed AS MATERIALIZED (
    SELECT chosen.place, pairs.number, pairs.category, pairs.semantic, pairs.memory
    FROM pairs
    JOIN chosen ON chosen.number = pairs.number
    WHERE pairs.age = 1 AND pairs.gap IS NOT NULL
),
fused AS (
    SELECT
        placed.place, numbers.category, numbers.branch AS rule,
        COUNT(*) AS cells,
        AVG(numbers.auroc) AS mean,
        AVG(numbers.auroc - GREATEST(placed.semantic, placed.memory)) AS gain_over_better_branch,
        AVG(numbers.auroc - placed.memory) AS gain_over_memory,
        COUNT(CASE WHEN numbers.auroc > placed.memory THEN 1 END) AS cells_above_memory
    FROM placed
    JOIN numbers ON numbers.number = placed.number AND numbers.category = placed.category
    WHERE numbers.auroc IS NOT NULL AND numbers.branch NOT IN (:branch_a, :branch_b)
    GROUP BY placed.place, numbers.category, numbers.branch
),
places AS (
    SELECT DISTINCT place, task FROM chosen
)
SELECT
    places.task, fused.rule,
    CAST(SUM(fused.cells) AS BIGINT) AS cells,
    AVG(fused.mean) AS mean,
    AVG(fused.gain_over_better_branch) AS gain_over_better_branch,
    AVG(fused.gain_over_memory) AS gain_over_memory,
    CAST(SUM(fused.cells_above_memory) AS BIGINT) AS cells_above_memory
FROM fused
JOIN places ON places.place = fused.place
GROUP BY places.task, fused.rule
ORDER BY places.task, CAST(1e9 * AVG(fused.mean) AS BIGINT) DESC, fused.rule
