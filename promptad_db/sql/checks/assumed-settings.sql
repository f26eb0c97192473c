-- What a run is said to be was assumed when its file was ingested, such as a method that the columns suggest: a number may stand
-- under another name than its own.
SELECT
    'info' AS severity,
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset,
    CAST(NULL AS VARCHAR) AS category,
    run_keys.k_shot, run_keys.seed, run_keys.task,
    CAST(NULL AS VARCHAR) AS branch,
    run_keys.run_id,
    CONCAT(
        assumed_settings.setting,
        CASE assumed_settings.setting
            WHEN 'method' THEN CONCAT(' ', run_keys.method)
            WHEN 'k_shot' THEN CONCAT(' ', run_keys.k_shot)
        END,
        ' was assumed from ', assumed_settings.basis
    ) AS what,
    'where it is another: ingest the file again with --method or --k-shot, and take this run away with promptad-db runs delete'
        AS advice
FROM assumed_settings
JOIN run_keys ON run_keys.run_id = assumed_settings.run_id
ORDER BY assumed_settings.setting, run_keys.run_number
