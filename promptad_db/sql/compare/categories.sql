-- Category by category, averaged over K and seeds; delta is b - a, wins count the cells where b is higher.
SELECT
    one.task, one.branch, one.dataset, one.category,
    COUNT(*) AS cells,
    AVG(one.auroc) AS a,
    AVG(other.auroc) AS b,
    AVG(other.auroc - one.auroc) AS delta,
    COUNT(CASE WHEN other.auroc - one.auroc > GREATEST(one.precision, other.precision) * 0.999999 THEN 1 END) AS wins,
    COUNT(CASE WHEN one.auroc - other.auroc > GREATEST(one.precision, other.precision) * 0.999999 THEN 1 END) AS losses
FROM side_a AS one
JOIN side_b AS other
    ON other.task = one.task
    AND other.branch = one.branch
    AND other.dataset = one.dataset
    AND other.category = one.category
    AND other.k_shot = one.k_shot
    AND other.seed IS NOT DISTINCT FROM one.seed
WHERE one.auroc IS NOT NULL AND other.auroc IS NOT NULL
GROUP BY one.task, one.branch, one.dataset, one.category
ORDER BY one.task, one.branch, CAST(1e9 * AVG(other.auroc - one.auroc) AS BIGINT) DESC, one.dataset, one.category
