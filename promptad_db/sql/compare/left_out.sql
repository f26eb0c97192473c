-- How many cells only one of the two sides has.
SELECT
    (SELECT COUNT(*) FROM side_a WHERE auroc IS NOT NULL) AS cells_a,
    (SELECT COUNT(*) FROM side_b WHERE auroc IS NOT NULL) AS cells_b
