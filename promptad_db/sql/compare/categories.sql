-- Category by category, averaged over K and seeds; delta is b - a, wins count the cells where b is higher.
SELECT
    task, branch, dataset, category,
    COUNT(*) AS cells,
    AVG(a) AS a,
    AVG(b) AS b,
    AVG(delta) AS delta,
    COUNT(CASE WHEN outcome = 'win' THEN 1 END) AS wins,
    COUNT(CASE WHEN outcome = 'tie' THEN 1 END) AS ties,
    COUNT(CASE WHEN outcome = 'loss' THEN 1 END) AS losses
FROM both_sides
GROUP BY task, branch, dataset, category
ORDER BY task, branch, CAST(1e9 * AVG(delta) AS BIGINT) DESC, dataset, category
