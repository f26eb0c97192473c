-- The table of the chosen runs that have placements, about 100,000 rows of them to a slice, and between which rows those lie.
CREATE TEMPORARY TABLE slices AS
SELECT number, slice, MIN(first) OVER (PARTITION BY slice) AS first, MAX(last) OVER (PARTITION BY slice) AS last
FROM (
    SELECT number, first, last, FLOOR(SUM(size) OVER (ORDER BY first, number) / 100000) AS slice
    FROM (
        SELECT chosen.number, COUNT(*) AS size, MIN(placed.place) AS first, MAX(placed.place) AS last
        FROM placed
        JOIN chosen ON chosen.run_id = placed.run_id
        GROUP BY chosen.number
    ) AS sizes
) AS sliced
