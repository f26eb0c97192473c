-- One row a run, category and branch: the AUROC of the run's task (image level for cls, pixel level for seg) under each
-- provenance, 0..1, NULL where there is none; truths counts the exact and reported entries, undefined ones included.
SELECT
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset, numbers.category, run_keys.k_shot,
    run_keys.seed, run_keys.task, numbers.branch, numbers.exact, numbers.reported, numbers.approx,
    numbers.reported_precision,
    CASE WHEN numbers.exact_precision IS NULL THEN 0 ELSE 1 END
        + CASE WHEN numbers.reported_precision IS NULL THEN 0 ELSE 1 END AS truths,
    run_keys.run_id, run_keys.created_at
FROM numbers_by_provenance AS numbers
JOIN run_keys ON run_keys.run_number = numbers.run_number
