-- One row a run, category and branch, as run_auroc, with what the branch is.
SELECT
    run_auroc.run_number, run_auroc.setting, run_auroc.category, run_auroc.branch, run_auroc.auroc, run_keys.run_id,
    branches.kind, branches.rule, branches.calibration
FROM run_auroc
JOIN run_keys ON run_keys.run_number = run_auroc.run_number
JOIN branches
    ON branches.run_id = run_keys.run_id
    AND branches.category = run_auroc.category
    AND branches.branch = run_auroc.branch
