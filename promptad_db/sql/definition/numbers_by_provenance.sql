-- One row a run, category and branch: the AUROC at the level of the run's task under each provenance, 0..1, NULL where there
-- is none; a precision is NULL where there is no entry at all.
SELECT
    run_keys.run_number, run_keys.setting, metrics.category, metrics.branch,
    MAX(CASE WHEN metrics.provenance = 'exact' THEN metrics.value END) AS exact,
    MAX(CASE WHEN metrics.provenance = 'reported' THEN metrics.value END) AS reported,
    MAX(CASE WHEN metrics.provenance = 'approx' THEN metrics.value END) AS approx,
    MAX(CASE WHEN metrics.provenance = 'exact' THEN metrics.precision END) AS exact_precision,
    MAX(CASE WHEN metrics.provenance = 'reported' THEN metrics.precision END) AS reported_precision,
    MAX(CASE WHEN metrics.provenance = 'approx' THEN metrics.precision END) AS approx_precision
FROM run_keys
JOIN metrics ON metrics.run_id = run_keys.run_id AND metrics.level = run_keys.level
WHERE metrics.metric = 'auroc'
GROUP BY run_keys.run_number, run_keys.setting, metrics.category, metrics.branch
