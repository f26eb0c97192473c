-- The epoch with the best test AUROC was kept: such numbers are too high by an unknown amount, and a method whose epoch
-- was chosen otherwise cannot be compared with them.
SELECT
    'warning' AS severity,
    chosen.experiment, chosen.method, chosen.variant, chosen.dataset,
    CAST(NULL AS VARCHAR) AS category,
    chosen.k_shot, chosen.seed, chosen.task,
    CAST(NULL AS VARCHAR) AS branch,
    chosen.run_id,
    'the epoch was chosen by test AUROC (best_on_test)' AS what,
    'say so beside the numbers, or run again with --selection last_epoch' AS advice
FROM chosen
JOIN runs ON runs.run_id = chosen.run_id
WHERE runs.selection = 'best_on_test'
ORDER BY chosen.number
