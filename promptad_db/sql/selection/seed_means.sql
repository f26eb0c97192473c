-- Fill seed_means: one row a category, K and task, seeds averaged, with the counts of its cells.
INSERT INTO seed_means
SELECT
    experiment, dataset, category, k_shot, task,
    COUNT(gap),
    COUNT(*) - COUNT(gap),
    COUNT(CASE WHEN weak_branch = :branch_a THEN 1 END),
    COUNT(CASE WHEN weak_branch = :branch_b THEN 1 END),
    COUNT(CASE WHEN weak_branch = 'tie' THEN 1 END),
    COUNT(CASE WHEN gap IS NOT NULL AND provenance = 'exact' THEN 1 END),
    COUNT(CASE WHEN gap IS NOT NULL AND provenance = 'reported' THEN 1 END),
    COUNT(CASE WHEN gap IS NOT NULL AND provenance = 'approx' THEN 1 END),
    AVG(CASE WHEN gap IS NOT NULL THEN semantic END),
    AVG(CASE WHEN gap IS NOT NULL THEN memory END),
    AVG(gap),
    AVG(abs_gap)
FROM cells
WHERE age = 1
GROUP BY experiment, dataset, category, k_shot, task
