-- One row a setting, category and branch of those shown or paired, by its latest run, where there is an AUROC.
-- parameters: branch_a, branch_b, reference, shown
SELECT
    run_keys.setting_across_variants AS of_variants,
    run_keys.setting_across_seeds AS series,
    run_keys.variant = :reference AS of_reference,
    run_keys.run_number, run_auroc.category, run_auroc.branch, run_auroc.auroc, run_auroc.tolerance
FROM run_auroc
JOIN run_keys ON run_keys.run_number = run_auroc.run_number
WHERE run_auroc.recency = 1
    AND run_auroc.auroc IS NOT NULL
    AND (run_auroc.branch = ANY(CAST(:shown AS VARCHAR[])) OR run_auroc.branch IN (:branch_a, :branch_b))
