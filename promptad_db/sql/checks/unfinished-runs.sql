-- A run that failed or still runs holds some of its categories; its averages are over those.
SELECT
    'warning' AS severity,
    chosen.experiment, chosen.method, chosen.variant, chosen.dataset,
    CAST(NULL AS VARCHAR) AS category,
    chosen.k_shot, chosen.seed, chosen.task,
    CAST(NULL AS VARCHAR) AS branch,
    chosen.run_id,
    CONCAT('the status of the run is ', runs.status) AS what,
    'finish it with promptad-db run --resume, or take it away with promptad-db runs delete' AS advice
FROM chosen
JOIN runs ON runs.run_id = chosen.run_id
WHERE runs.status <> 'finished'
ORDER BY runs.status, chosen.number
