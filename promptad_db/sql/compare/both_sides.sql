-- One row a cell and branch that both sides have; a win is a cell where b is higher by more than the precision.
SELECT
    one.task, one.level, one.branch, one.dataset, one.category, one.k_shot, one.seed,
    one.auroc AS a,
    other.auroc AS b,
    other.auroc - one.auroc AS delta,
    one.run_id AS run_a,
    other.run_id AS run_b,
    CASE
        WHEN other.auroc - one.auroc > GREATEST(one.tolerance, other.tolerance) THEN 'win'
        WHEN one.auroc - other.auroc > GREATEST(one.tolerance, other.tolerance) THEN 'loss'
        ELSE 'tie'
    END AS outcome
FROM side_a AS one
JOIN side_b AS other
    ON other.task = one.task
    AND other.branch = one.branch
    AND other.dataset = one.dataset
    AND other.category = one.category
    AND other.k_shot = one.k_shot
    AND other.seed IS NOT DISTINCT FROM one.seed
WHERE one.auroc IS NOT NULL AND other.auroc IS NOT NULL
