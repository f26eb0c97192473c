-- One row a dataset and task (per method and variant of an experiment): how often each branch is the weaker one, and mean AUROCs and
-- gaps over cells, 0..1; left_out counts cells where one of the two is missing or undefined.
SELECT
    experiment, method, variant, dataset, task,
    COUNT(gap) AS cells,
    COUNT(*) - COUNT(gap) AS left_out,
    COUNT(CASE WHEN weak_branch = 'semantic' THEN 1 END) AS semantic_weaker,
    COUNT(CASE WHEN weak_branch = 'memory' THEN 1 END) AS memory_weaker,
    COUNT(CASE WHEN weak_branch = 'tie' THEN 1 END) AS ties,
    AVG(CASE WHEN gap IS NOT NULL THEN semantic END) AS semantic_mean,
    AVG(CASE WHEN gap IS NOT NULL THEN memory END) AS memory_mean,
    AVG(gap) AS mean_gap,
    AVG(abs_gap) AS mean_abs_gap
FROM branch_gap
GROUP BY experiment, method, variant, dataset, task
