-- A tenth of the images or more (three at least) share the highest or the lowest score of a branch: between them it
-- cannot rank, as after clipping or a softmax in half precision. Branches of ranks are left out: ranks tie by nature.
WITH extremes AS (
    SELECT run_id, category, branch, MIN(score) AS lowest, MAX(score) AS highest, COUNT(*) AS images
    FROM image_scores
    WHERE run_id IN (SELECT run_id FROM run_keys WHERE task = 'cls') AND branch NOT LIKE '%rank%'
    GROUP BY run_id, category, branch
    HAVING MIN(score) < MAX(score)
),
shared AS (
    SELECT
        extremes.run_id, extremes.category, extremes.branch, extremes.images, image_scores.score,
        CASE WHEN image_scores.score = extremes.highest THEN 'highest' ELSE 'lowest' END AS side,
        COUNT(*) AS alike
    FROM extremes
    JOIN image_scores
        ON image_scores.run_id = extremes.run_id
        AND image_scores.category = extremes.category
        AND image_scores.branch = extremes.branch
        AND image_scores.score IN (extremes.lowest, extremes.highest)
    GROUP BY
        extremes.run_id, extremes.category, extremes.branch, extremes.images, extremes.highest, image_scores.score
    HAVING COUNT(*) >= 3 AND COUNT(*) * 10 >= extremes.images
)
SELECT
    'warning' AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task, shared.branch, checked.run_id,
    CONCAT(
        shared.alike, ' of ', shared.images, ' images share the ', shared.side, ' score, ', shared.score
    ) AS what,
    'store scores before they are clipped or rounded: in float32, with a softer temperature' AS advice
FROM shared
JOIN checked ON checked.run_id = shared.run_id AND checked.category = shared.category
ORDER BY CAST(shared.alike AS DOUBLE PRECISION) / shared.images DESC, checked.run_number, checked.category, shared.branch
