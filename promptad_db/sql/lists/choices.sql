-- Every value that a filter may take, with its filter's name and how many runs (of a category: datasets) have it.
SELECT 'experiment' AS filter, experiment AS value, COUNT(*) AS runs FROM runs GROUP BY experiment
UNION ALL SELECT 'dataset', dataset, COUNT(*) FROM runs GROUP BY dataset
UNION ALL SELECT 'task', task, COUNT(*) FROM runs GROUP BY task
UNION ALL SELECT 'method', method, COUNT(*) FROM runs GROUP BY method
UNION ALL SELECT 'variant', variant, COUNT(*) FROM runs GROUP BY variant
UNION ALL SELECT 'status', status, COUNT(*) FROM runs GROUP BY status
UNION ALL SELECT 'k_shot', CAST(k_shot AS VARCHAR), COUNT(*) FROM runs GROUP BY k_shot
UNION ALL SELECT 'seed', CAST(seed AS VARCHAR), COUNT(*) FROM runs WHERE seed IS NOT NULL GROUP BY seed
UNION ALL SELECT 'tag', tag, COUNT(*) FROM run_tags GROUP BY tag
UNION ALL SELECT 'category', category, COUNT(*) FROM categories GROUP BY category
UNION ALL SELECT 'branch', branch, COUNT(DISTINCT run_id) FROM metrics WHERE metric = 'auroc' GROUP BY branch
ORDER BY filter, value
