-- Over the cells that both have; delta is b - a, wins count the cells where b is higher.
WITH seed_means AS (
    SELECT
        task, branch, dataset, category, k_shot,
        COUNT(*) AS cells,
        COUNT(CASE WHEN outcome = 'win' THEN 1 END) AS wins,
        COUNT(CASE WHEN outcome = 'tie' THEN 1 END) AS ties,
        COUNT(CASE WHEN outcome = 'loss' THEN 1 END) AS losses,
        AVG(a) AS a,
        AVG(b) AS b,
        AVG(delta) AS delta
    FROM both_sides
    GROUP BY task, branch, dataset, category, k_shot
)
SELECT
    task, branch,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(a) AS mean_a,
    AVG(b) AS mean_b,
    AVG(delta) AS delta,
    CAST(SUM(wins) AS BIGINT) AS wins,
    CAST(SUM(ties) AS BIGINT) AS ties,
    CAST(SUM(losses) AS BIGINT) AS losses
FROM seed_means
GROUP BY task, branch
ORDER BY task, branch
