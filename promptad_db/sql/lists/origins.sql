-- One row an experiment and method of the selection: how many runs, and when the first and the last of them began.
SELECT
    runs.experiment, runs.method,
    COUNT(*) AS runs,
    MIN(runs.created_at) AS first_run,
    MAX(runs.created_at) AS last_run
FROM runs
JOIN run_keys ON run_keys.run_id = runs.run_id
GROUP BY runs.experiment, runs.method
ORDER BY runs.experiment, runs.method
