-- One row a cell and branch (per method and variant of an experiment; its latest run counts): the AUROC, 0..1, exact if
-- there is an exact one, else reported, never approx; NULL where it is undefined.
SELECT
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset, run_auroc.category, run_keys.k_shot,
    run_keys.seed, run_keys.task, run_auroc.branch, run_auroc.auroc, run_auroc.provenance, run_auroc.precision,
    branches.kind, branches.supervision,
    branches.kind = 'oracle' AS upper_bound,
    run_keys.run_id
FROM run_auroc
JOIN run_keys ON run_keys.run_number = run_auroc.run_number
LEFT JOIN branches
    ON branches.run_id = run_keys.run_id
    AND branches.category = run_auroc.category
    AND branches.branch = run_auroc.branch
WHERE run_auroc.recency = 1
