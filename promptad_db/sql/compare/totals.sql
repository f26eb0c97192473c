-- Over the cells that both have; delta is b - a, wins count the cells where b is higher.
WITH paired AS (
    SELECT
        one.task, one.branch, one.dataset, one.category, one.k_shot,
        COUNT(*) AS cells,
        COUNT(CASE WHEN other.auroc - one.auroc > GREATEST(one.precision, other.precision) * 0.999999 THEN 1 END) AS wins,
        COUNT(CASE WHEN one.auroc - other.auroc > GREATEST(one.precision, other.precision) * 0.999999 THEN 1 END) AS losses,
        AVG(one.auroc) AS mean_a,
        AVG(other.auroc) AS mean_b
    FROM side_a AS one
    JOIN side_b AS other
        ON other.task = one.task
        AND other.branch = one.branch
        AND other.dataset = one.dataset
        AND other.category = one.category
        AND other.k_shot = one.k_shot
        AND other.seed IS NOT DISTINCT FROM one.seed
    WHERE one.auroc IS NOT NULL AND other.auroc IS NOT NULL
    GROUP BY one.task, one.branch, one.dataset, one.category, one.k_shot
)
SELECT
    task, branch,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(mean_a) AS mean_a,
    AVG(mean_b) AS mean_b,
    AVG(mean_b - mean_a) AS delta,
    CAST(SUM(wins) AS BIGINT) AS wins,
    CAST(SUM(cells) - SUM(wins) - SUM(losses) AS BIGINT) AS ties,
    CAST(SUM(losses) AS BIGINT) AS losses
FROM paired
GROUP BY task, branch
ORDER BY task, branch
