-- Category by category, averaged over seeds, then K; delta is b - a, wins count the cells where b is higher.
SELECT
    task, branch, dataset, category,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(a) AS a,
    AVG(b) AS b,
    AVG(delta) AS delta,
    CAST(SUM(wins) AS BIGINT) AS wins,
    CAST(SUM(ties) AS BIGINT) AS ties,
    CAST(SUM(losses) AS BIGINT) AS losses
FROM side_means
GROUP BY task, branch, dataset, category
ORDER BY task, branch, CAST(1e9 * AVG(delta) AS BIGINT) DESC, dataset, category
