-- A test image that is called like a support image, lies in a folder train, or is normal and at distance zero from the support
-- images is one of them: the test set leaks. Distance zero is a memory score of at most 2 % of the median of the normals,
-- because half precision leaves 0.0002 to 0.0005 of a zero, and no other one below 20 %; scores stretched to 0..1 say nothing.
WITH scored AS (
    SELECT checked.run_number, checked.category, images.label, image_scores.image, image_scores.score
    FROM checked
    JOIN image_scores ON image_scores.run_id = checked.run_id AND image_scores.category = checked.category
    JOIN images
        ON images.run_id = checked.run_id
        AND images.category = checked.category
        AND images.image = image_scores.image
    WHERE image_scores.branch = 'memory'
),
normals AS (
    SELECT run_number, category, COUNT(*) AS images, PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY score) AS median
    FROM scored
    WHERE label = 0
    GROUP BY run_number, category
    HAVING COUNT(*) >= 3 AND PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY score) > 0
),
stretched AS (
    SELECT run_number, category
    FROM scored
    GROUP BY run_number, category
    HAVING MIN(score) = 0 AND MAX(score) = 1
),
leaks AS (
    SELECT
        scored.run_number, scored.category, normals.images, normals.median,
        COUNT(CASE WHEN scored.score <= 0.02 * normals.median THEN 1 END) AS leaked,
        MIN(CASE WHEN scored.score <= 0.02 * normals.median THEN scored.image END) AS image,
        MIN(scored.score) AS lowest,
        MIN(CASE WHEN scored.score > 0.02 * normals.median THEN scored.score END) AS next_lowest
    FROM scored
    JOIN normals ON normals.run_number = scored.run_number AND normals.category = scored.category
    WHERE scored.label = 0
    GROUP BY scored.run_number, scored.category, normals.images, normals.median
),
of_support AS (
    SELECT checked.run_number, checked.category, COUNT(*) AS images, MIN(images.image) AS image
    FROM checked
    JOIN images ON images.run_id = checked.run_id AND images.category = checked.category
    LEFT JOIN support_images
        ON support_images.run_id = images.run_id
        AND support_images.category = images.category
        AND support_images.image = images.image
    WHERE support_images.image IS NOT NULL
        OR (CONCAT('/', images.image) LIKE '%/train/%' AND CONCAT('/', images.image) NOT LIKE '%/train/%/test/%'
            AND CONCAT('/', images.image) NOT LIKE '%/train/test/%')
    GROUP BY checked.run_number, checked.category
),
by_name_or_score AS (
    SELECT
        leaks.run_number, leaks.category,
        'memory' AS branch,
        leaks.lowest / leaks.median AS closeness,
        CONCAT(
            leaks.image, CASE WHEN leaks.leaked > 1 THEN CONCAT(' and ', leaks.leaked - 1, ' more') END, ' of ',
            leaks.images, ' normal images has memory score ', leaks.lowest, ', ',
            CAST(100 * leaks.lowest / leaks.median AS NUMERIC(9, 2)), ' % of their median; the next one has ',
            CAST(100 * leaks.next_lowest / leaks.median AS NUMERIC(9, 2)), ' %'
        ) AS what
    FROM leaks
    WHERE leaks.leaked > 0
        AND ABS(leaks.lowest) <= 0.02 * leaks.median
        AND leaks.next_lowest >= 0.2 * leaks.median
        AND NOT EXISTS (
            SELECT 1 FROM stretched WHERE stretched.run_number = leaks.run_number AND stretched.category = leaks.category
        )
    UNION ALL
    SELECT
        run_number, category, NULL, NULL,
        CONCAT(
            image, CASE WHEN images > 1 THEN CONCAT(' and ', images - 1, ' more') END,
            ' of the test images, by name: support images of the run, or in a folder train'
        )
    FROM of_support
)
SELECT
    'error' AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task, by_name_or_score.branch, checked.run_id, by_name_or_score.what,
    'take the support images out of the test set and score again; promptad-db run does so by content' AS advice
FROM by_name_or_score
JOIN checked ON checked.run_number = by_name_or_score.run_number AND checked.category = by_name_or_score.category
ORDER BY by_name_or_score.closeness NULLS LAST, checked.run_number, checked.category
