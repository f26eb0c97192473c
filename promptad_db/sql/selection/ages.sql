-- Age the pairs of cells that several runs measured: the one with both branches counts first, of these baseline, then
-- the latest.
UPDATE pairs
SET age = aged.age
FROM (
    SELECT
        pairs.number, pairs.category,
        ROW_NUMBER() OVER (
            PARTITION BY chosen.cell, pairs.category
            ORDER BY
                pairs.branches DESC, CASE WHEN chosen.variant = 'baseline' THEN 0 ELSE 1 END, pairs.number DESC
        ) AS age
    FROM pairs
    JOIN chosen ON chosen.number = pairs.number
    WHERE chosen.rivals > 1
) AS aged
WHERE aged.number = pairs.number AND aged.category = pairs.category
