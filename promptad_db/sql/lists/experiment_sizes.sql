-- Every experiment, the one with the newest run first: how much was run in it.
SELECT
    experiment,
    COUNT(*) AS runs,
    COUNT(DISTINCT dataset) AS datasets,
    STRING_AGG(DISTINCT task, ', ' ORDER BY task) AS tasks,
    STRING_AGG(DISTINCT variant, ', ' ORDER BY variant) AS variants,
    COUNT(CASE WHEN status <> 'finished' THEN 1 END) AS unfinished,
    MAX(created_at) AS newest_run
FROM runs
GROUP BY experiment
ORDER BY newest_run DESC, experiment
