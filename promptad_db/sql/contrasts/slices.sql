-- One row a run of the selection that has placements, about 100,000 rows of them to a slice, and between which rows those lie.
SELECT
    run_number, slice,
    MIN(first) OVER (PARTITION BY slice) AS first,
    MAX(last) OVER (PARTITION BY slice) AS last
FROM (
    SELECT run_number, first, last, FLOOR(SUM(size) OVER (ORDER BY first, run_number) / 100000) AS slice
    FROM (
        SELECT run_keys.run_number, COUNT(*) AS size, MIN(numbered.row_at) AS first, MAX(numbered.row_at) AS last
        FROM numbered
        JOIN run_keys ON run_keys.run_id = numbered.run_id
        GROUP BY run_keys.run_number
    ) AS sizes
) AS sliced
