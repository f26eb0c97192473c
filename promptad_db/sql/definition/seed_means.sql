-- One row a series of seeds and category: the cells counted, and their AUROCs and gaps averaged over seeds.
-- parameters: branch_a, branch_b
SELECT
    series, sweep, category,
    MIN(experiment) AS experiment,
    MIN(method) AS method,
    MIN(variant) AS variant,
    MIN(dataset) AS dataset,
    MIN(k_shot) AS k_shot,
    MIN(task) AS task,
    COUNT(gap) AS cells,
    COUNT(*) - COUNT(gap) AS left_out,
    COUNT(CASE WHEN weak_branch = :branch_a THEN 1 END) AS semantic_weaker,
    COUNT(CASE WHEN weak_branch = :branch_b THEN 1 END) AS memory_weaker,
    COUNT(CASE WHEN weak_branch = 'tie' THEN 1 END) AS ties,
    COUNT(CASE WHEN gap IS NOT NULL AND provenance = 'exact' THEN 1 END) AS exact_cells,
    COUNT(CASE WHEN gap IS NOT NULL AND provenance = 'reported' THEN 1 END) AS reported_cells,
    COUNT(CASE WHEN gap IS NOT NULL AND provenance = 'approx' THEN 1 END) AS approx_cells,
    COUNT(CASE WHEN gap IS NOT NULL AND of_two_runs THEN 1 END) AS cells_of_two_runs,
    AVG(CASE WHEN gap IS NOT NULL THEN semantic END) AS semantic,
    AVG(CASE WHEN gap IS NOT NULL THEN memory END) AS memory,
    AVG(gap) AS gap,
    AVG(abs_gap) AS abs_gap
FROM cells
GROUP BY series, sweep, category
