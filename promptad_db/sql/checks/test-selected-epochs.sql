-- The epoch with the best test AUROC was kept: such numbers are too high by an unknown amount, and a method whose epoch
-- was chosen otherwise cannot be compared with them.
SELECT
    'warning' AS severity,
    run_keys.experiment, run_keys.method, run_keys.variant, run_keys.dataset,
    CAST(NULL AS VARCHAR) AS category,
    run_keys.k_shot, run_keys.seed, run_keys.task,
    CAST(NULL AS VARCHAR) AS branch,
    run_keys.run_id,
    'the epoch was chosen by test AUROC (best_on_test)' AS what,
    'say so beside the numbers, or run again with --selection last_epoch' AS advice
FROM run_keys
JOIN runs ON runs.run_id = run_keys.run_id
WHERE runs.selection = 'best_on_test'
ORDER BY run_keys.run_number
