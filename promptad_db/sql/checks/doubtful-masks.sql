-- Ground truth that can hardly be meant: anomalous images without an anomalous pixel, and masks that are anomalous in most
-- of the image for half of the anomalous images or more, as where white stands for normal.
WITH truths AS (
    SELECT
        placements.run_id, placements.category, placements.image,
        MAX(placements.n_pos) AS n_pos,
        MAX(placements.n_neg) AS n_neg
    FROM placements
    JOIN images
        ON images.run_id = placements.run_id
        AND images.category = placements.category
        AND images.image = placements.image
    WHERE placements.level = 'pixel' AND images.label = 1
    GROUP BY placements.run_id, placements.category, placements.image
),
counted AS (
    SELECT
        run_id, category,
        COUNT(*) AS images,
        COUNT(CASE WHEN n_pos = 0 THEN 1 END) AS empty,
        MIN(CASE WHEN n_pos = 0 THEN image END) AS first_empty,
        COUNT(CASE WHEN n_pos > n_neg THEN 1 END) AS covered
    FROM truths
    GROUP BY run_id, category
),
doubtful AS (
    SELECT
        run_id, category,
        CONCAT(empty, ' of ', images, ' anomalous images have an empty mask, such as ', first_empty) AS what,
        'draw the defects, or render at a larger size if shrinking lost them; promptad-db run --check-data lists them'
            AS advice
    FROM counted
    WHERE empty > 0
    UNION ALL
    SELECT
        run_id, category,
        CONCAT(covered, ' of ', images, ' anomalous images are anomalous in most of their pixels'),
        'look whether white stands for normal; if so, invert the masks and score again'
    FROM counted
    WHERE 2 * covered >= images AND covered > 0
)
SELECT
    'warning' AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task,
    NULL AS branch,
    checked.run_id, doubtful.what, doubtful.advice
FROM doubtful
JOIN checked ON checked.run_id = doubtful.run_id AND checked.category = doubtful.category
ORDER BY checked.run_id, checked.category, doubtful.what
