-- One row a contrast and place: sums over its test images. appearances is in how many of its AUROCs every image is at least.
WITH numbered AS (
    SELECT
        DENSE_RANK() OVER (ORDER BY terms.contrast) AS number, terms.contrast, units.unit, terms.weight
    FROM terms
    JOIN units
        ON units.run_id = terms.run_id AND units.category = terms.category AND units.branch = terms.branch
),
by_image AS (
    SELECT
        numbered.number, components.place, components.image,
        COUNT(*) AS appearances,
        MAX(components.has_pos) AS has_pos,
        MAX(components.has_neg) AS has_neg,
        SUM(numbered.weight * components.positive) AS positive,
        SUM(numbered.weight * components.negative) AS negative
    FROM numbered
    JOIN components ON components.unit = numbered.unit
    GROUP BY numbered.number, components.place, components.image
),
sums AS (
    SELECT
        number, place,
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
    GROUP BY number, place
)
SELECT names.contrast, places.task, sums.*
FROM sums
JOIN (
    SELECT DISTINCT number, contrast FROM numbered
) AS names ON names.number = sums.number
JOIN (
    SELECT DISTINCT place, task FROM units
) AS places ON places.place = sums.place
ORDER BY names.contrast, sums.place
