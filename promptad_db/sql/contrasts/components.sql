-- What each test image adds to each of the units; one without placements has no rows. Images of a place are one where they
-- have one name, and have a number.
CREATE TEMPORARY TABLE components AS
WITH placed AS (
    SELECT
        units.unit, units.place, units.auroc, placements.image, placements.n_pos, placements.n_neg, placements.pos_sum,
        placements.neg_sum
    FROM units
    JOIN placements
        ON placements.run_id = units.run_id
        AND placements.category = units.category
        AND placements.branch = units.branch
        AND placements.level = CASE units.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
),
totals AS (
    SELECT
        unit,
        CAST(SUM(n_pos) AS DOUBLE PRECISION) AS positives,
        CAST(SUM(n_neg) AS DOUBLE PRECISION) AS negatives,
        SUM(pos_sum) / SUM(n_pos) AS auroc
    FROM placed
    GROUP BY unit
    HAVING SUM(n_pos) > 0 AND SUM(n_neg) > 0
),
numbered AS (
    SELECT place, image, ROW_NUMBER() OVER (ORDER BY place, image) AS number
    FROM (
        SELECT DISTINCT place, image FROM placed
    ) AS names
)
SELECT
    placed.unit, placed.place, numbered.number AS image,
    CASE WHEN placed.n_pos > 0 THEN 1 ELSE 0 END AS has_pos,
    CASE WHEN placed.n_neg > 0 THEN 1 ELSE 0 END AS has_neg,
    (placed.pos_sum - placed.n_pos * totals.auroc) / totals.positives AS positive,
    (placed.neg_sum - placed.n_neg * totals.auroc) / totals.negatives AS negative
FROM placed
JOIN totals ON totals.unit = placed.unit
JOIN numbered ON numbered.place = placed.place AND numbered.image = placed.image
WHERE ABS(totals.auroc - placed.auroc) < 1e-9
