-- A run that failed or still runs holds some of its categories; its averages are over those.
SELECT
    'warning' AS severity,
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset,
    CAST(NULL AS VARCHAR) AS category,
    run_keys.k_shot, run_keys.seed, run_keys.task,
    CAST(NULL AS VARCHAR) AS branch,
    run_keys.run_id,
    CONCAT('the status of the run is ', runs.status) AS what,
    'finish it with promptad-db run --resume, or take it away with promptad-db runs delete' AS advice
FROM run_keys
JOIN runs ON runs.run_id = run_keys.run_id
WHERE runs.status <> 'finished'
ORDER BY runs.status, run_keys.run_number
