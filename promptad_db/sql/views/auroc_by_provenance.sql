-- One row a run, category and branch: the AUROC of the run's task (image level for cls, pixel level for seg) under each
-- provenance, 0..1, NULL where there is none; truths counts the exact and reported entries, undefined ones included.
SELECT
    runs.experiment,
    runs.method,
    runs.variant,
    runs.dataset,
    measured.category,
    runs.k_shot,
    runs.seed,
    runs.task,
    measured.branch,
    measured.exact,
    measured.reported,
    measured.approx,
    measured.reported_precision,
    measured.truths,
    runs.run_id,
    runs.created_at
FROM runs
JOIN (
    SELECT
        run_id,
        category,
        branch,
        level,
        MAX(CASE WHEN provenance = 'exact' THEN value END) AS exact,
        MAX(CASE WHEN provenance = 'reported' THEN value END) AS reported,
        MAX(CASE WHEN provenance = 'approx' THEN value END) AS approx,
        MAX(CASE WHEN provenance = 'reported' THEN precision END) AS reported_precision,
        SUM(CASE WHEN provenance = 'approx' THEN 0 ELSE 1 END) AS truths
    FROM metrics
    WHERE metric = 'auroc'
    GROUP BY run_id, category, branch, level
) AS measured ON measured.run_id = runs.run_id
WHERE measured.level = CASE runs.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
