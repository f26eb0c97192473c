-- Over the cells that both have; delta is b - a, wins count the cells where b is higher.
SELECT
    task, branch,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(a) AS mean_a,
    AVG(b) AS mean_b,
    AVG(delta) AS delta,
    CAST(SUM(wins) AS BIGINT) AS wins,
    CAST(SUM(ties) AS BIGINT) AS ties,
    CAST(SUM(losses) AS BIGINT) AS losses
FROM side_means
GROUP BY task, branch
ORDER BY task, branch
