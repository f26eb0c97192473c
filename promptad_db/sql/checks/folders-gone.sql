-- The database speaks of run folders that are not where it says: they are the truth, it is their index.

-- All folders: that one is gone SQL cannot see, and the rows of those that are where they should be are left out later.
SELECT
    'error' AS severity,
    CAST(NULL AS VARCHAR) AS experiment,
    CAST(NULL AS VARCHAR) AS method,
    CAST(NULL AS VARCHAR) AS variant,
    CAST(NULL AS VARCHAR) AS dataset,
    CAST(NULL AS VARCHAR) AS category,
    CAST(NULL AS INTEGER) AS k_shot,
    CAST(NULL AS BIGINT) AS seed,
    CAST(NULL AS VARCHAR) AS task,
    CAST(NULL AS VARCHAR) AS branch,
    run_keys.run_id,
    runs.folder AS what,
    'bring them back, or ingest them from where they are now; without them fuse and rebuild lose the run' AS advice
FROM run_keys
JOIN runs ON runs.run_id = run_keys.run_id
ORDER BY run_keys.run_number
