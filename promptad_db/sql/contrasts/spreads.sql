-- One row a contrast, task and category: sums over its test images. appearances is in how many of its AUROCs every image is at
-- least; images of a task and category are one where they have one name. Of the contrast itself it has the value, the weights
-- added up (0 for a difference), how many AUROCs it is made of, and how many are 0 or 1. A contrast is left out where one of
-- its AUROCs has no placements.
WITH weighted AS MATERIALIZED (
    SELECT
        row_key, quantity, run_id, level, task, category, branch, auroc,
        CAST(weight AS DOUBLE PRECISION) AS weight,
        DENSE_RANK() OVER (ORDER BY row_key, quantity) AS contrast,
        DENSE_RANK() OVER (ORDER BY task, dataset, category) AS test_set,
        DENSE_RANK() OVER (ORDER BY run_id, category, branch) AS unit
    FROM terms
),
wanted AS (
    SELECT DISTINCT unit, run_id, category, branch, level FROM weighted
),
units AS MATERIALIZED (
    SELECT
        wanted.unit, wanted.run_id, wanted.category, wanted.branch, wanted.level,
        CAST(SUM(scored.n_pos) AS DOUBLE PRECISION) AS positives,
        CAST(SUM(scored.n_neg) AS DOUBLE PRECISION) AS negatives,
        SUM(scored.pos_sum) / NULLIF(SUM(scored.n_pos), 0) AS auroc
    FROM wanted
    JOIN scored
        ON scored.run_id = wanted.run_id
        AND scored.category = wanted.category
        AND scored.branch = wanted.branch
        AND scored.level = wanted.level
    GROUP BY wanted.unit, wanted.run_id, wanted.category, wanted.branch, wanted.level
    HAVING SUM(scored.n_neg) > 0
),
whole AS MATERIALIZED (
    SELECT
        weighted.contrast, weighted.row_key, weighted.quantity,
        SUM(weighted.weight * weighted.auroc) AS value,
        SUM(weighted.weight) AS weight,
        COUNT(*) AS terms,
        COUNT(CASE WHEN weighted.auroc <= 0 OR weighted.auroc >= 1 THEN 1 END) AS extremes
    FROM weighted
    LEFT JOIN units ON units.unit = weighted.unit
    GROUP BY weighted.contrast, weighted.row_key, weighted.quantity
    HAVING COUNT(*) = COUNT(CASE WHEN ABS(units.auroc - weighted.auroc) < 1e-9 THEN 1 END)
),
by_image AS (
    SELECT
        weighted.contrast, weighted.test_set, scored.image,
        COUNT(*) AS appearances,
        MAX(CASE WHEN scored.n_pos > 0 THEN 1 ELSE 0 END) AS has_pos,
        MAX(CASE WHEN scored.n_neg > 0 THEN 1 ELSE 0 END) AS has_neg,
        SUM(weighted.weight * ((scored.pos_sum - scored.n_pos * units.auroc) / units.positives)) AS positive,
        SUM(weighted.weight * ((scored.neg_sum - scored.n_neg * units.auroc) / units.negatives)) AS negative
    FROM units
    JOIN scored
        ON scored.run_id = units.run_id
        AND scored.category = units.category
        AND scored.branch = units.branch
        AND scored.level = units.level
    JOIN weighted ON weighted.unit = units.unit
    JOIN whole ON whole.contrast = weighted.contrast
    GROUP BY weighted.contrast, weighted.test_set, scored.image
),
sums AS (
    SELECT
        contrast, test_set,
        SUM(positive * positive) AS positive,
        SUM(negative * negative) AS negative,
        SUM(positive * negative) AS mixed,
        SUM(positive * positive * positive * positive) AS positive_fourth,
        SUM(negative * negative * negative * negative) AS negative_fourth,
        CAST(SUM(has_pos) AS BIGINT) AS n_pos,
        CAST(SUM(has_neg) AS BIGINT) AS n_neg,
        COUNT(*) AS n,
        MIN(appearances) AS appearances
    FROM by_image
    GROUP BY contrast, test_set
)
SELECT
    whole.row_key, whole.quantity, test_sets.task, whole.value, whole.weight, whole.terms, whole.extremes, sums.*
FROM sums
JOIN whole ON whole.contrast = sums.contrast
JOIN (
    SELECT DISTINCT test_set, task FROM weighted
) AS test_sets ON test_sets.test_set = sums.test_set
ORDER BY sums.contrast, sums.test_set
