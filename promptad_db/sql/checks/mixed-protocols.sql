-- Runs of one experiment and task that differ in protocol, epoch selection, backbone or rendering: their numbers are
-- not comparable. A run that chose no epoch (none) fits to any selection.
SELECT
    'warning' AS severity,
    run_keys.experiment,
    CAST(NULL AS VARCHAR) AS method,
    CAST(NULL AS VARCHAR) AS variant,
    CAST(NULL AS VARCHAR) AS dataset,
    CAST(NULL AS VARCHAR) AS category,
    CAST(NULL AS INTEGER) AS k_shot,
    CAST(NULL AS BIGINT) AS seed,
    run_keys.task,
    CAST(NULL AS VARCHAR) AS branch,
    CAST(NULL AS VARCHAR) AS run_id,
    CONCAT_WS(
        '; ',
        CASE WHEN COUNT(DISTINCT runs.protocol) > 1
            THEN CONCAT('protocols ', STRING_AGG(DISTINCT runs.protocol, ', ' ORDER BY runs.protocol)) END,
        CASE WHEN COUNT(DISTINCT NULLIF(runs.selection, 'none')) > 1
            THEN CONCAT('epoch selections ', STRING_AGG(DISTINCT runs.selection, ', ' ORDER BY runs.selection)) END,
        CASE WHEN COUNT(DISTINCT COALESCE(runs.model_name, 'unknown')) > 1
            THEN CONCAT(COUNT(DISTINCT COALESCE(runs.model_name, 'unknown')), ' backbones, ',
                MIN(COALESCE(runs.model_name, 'unknown')), ' and ', MAX(COALESCE(runs.model_name, 'unknown'))) END,
        CASE WHEN run_keys.task = 'cls' AND COUNT(DISTINCT runs.image_score) > 1
            THEN CONCAT('image scores ', STRING_AGG(DISTINCT runs.image_score, ', ' ORDER BY runs.image_score)) END,
        CASE WHEN run_keys.task = 'seg' AND (
                MIN(COALESCE(runs.render_height, 0)) < MAX(COALESCE(runs.render_height, 0))
                OR MIN(COALESCE(runs.render_width, 0)) < MAX(COALESCE(runs.render_width, 0))
                OR MIN(COALESCE(runs.gaussian_sigma, 0)) < MAX(COALESCE(runs.gaussian_sigma, 0)))
            THEN 'different renderings' END
    ) AS what,
    'compare runs of one protocol: choose with --run, --method or --variant, or use an experiment each' AS advice
FROM run_keys
JOIN runs ON runs.run_id = run_keys.run_id
GROUP BY run_keys.experiment, run_keys.task
HAVING COUNT(DISTINCT runs.protocol) > 1
    OR COUNT(DISTINCT NULLIF(runs.selection, 'none')) > 1
    OR COUNT(DISTINCT COALESCE(runs.model_name, 'unknown')) > 1
    OR (run_keys.task = 'cls' AND COUNT(DISTINCT runs.image_score) > 1)
    OR (run_keys.task = 'seg' AND (
        MIN(COALESCE(runs.render_height, 0)) < MAX(COALESCE(runs.render_height, 0))
        OR MIN(COALESCE(runs.render_width, 0)) < MAX(COALESCE(runs.render_width, 0))
        OR MIN(COALESCE(runs.gaussian_sigma, 0)) < MAX(COALESCE(runs.gaussian_sigma, 0))))
ORDER BY run_keys.experiment, run_keys.task
