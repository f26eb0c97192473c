-- What each fusion rule gains over the better branch and over memory alone.
WITH fused AS (
    SELECT
        chosen.place, numbers.category, numbers.branch AS rule,
        COUNT(*) AS cells,
        AVG(numbers.auroc) AS mean,
        AVG(numbers.auroc - GREATEST(pairs.semantic, pairs.memory)) AS gain_over_better_branch,
        AVG(numbers.auroc - pairs.memory) AS gain_over_memory,
        COUNT(CASE WHEN numbers.auroc > pairs.memory THEN 1 END) AS cells_above_memory
    FROM pairs
    JOIN chosen ON chosen.number = pairs.number
    JOIN numbers ON numbers.number = pairs.number AND numbers.category = pairs.category
    WHERE pairs.age = 1
        AND pairs.gap IS NOT NULL
        AND numbers.auroc IS NOT NULL
        AND numbers.branch NOT IN (:branch_a, :branch_b)
    GROUP BY chosen.place, numbers.category, numbers.branch
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
