-- One row a contrast and category: sums over its test images, which runs of a task share by their names. appearances is in
-- how many of its AUROCs every image is at least.
WITH by_image AS (
    SELECT
        terms.contrast, terms.task, terms.dataset, terms.category, components.image,
        COUNT(*) AS appearances,
        MAX(components.has_pos) AS has_pos,
        MAX(components.has_neg) AS has_neg,
        SUM(terms.weight * components.positive) AS positive,
        SUM(terms.weight * components.negative) AS negative
    FROM terms
    JOIN components
        ON components.run_id = terms.run_id
        AND components.category = terms.category
        AND components.branch = terms.branch
    GROUP BY terms.contrast, terms.task, terms.dataset, terms.category, components.image
)
SELECT
    contrast, task, dataset, category,
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
GROUP BY contrast, task, dataset, category
ORDER BY contrast, task, dataset, category
