-- A branch that gives every image or pixel the same score knows nothing: its AUROC is 0.5 by ties alone, and a fusion with
-- it is the other branch.
SELECT
    'error' AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task, branch_stats.branch, checked.run_id,
    CONCAT('all ', branch_stats.n, ' scores are ', branch_stats.min) AS what,
    'look for features or prompts that are zero or NaN before scoring, then run again' AS advice
FROM checked
JOIN branch_stats
    ON branch_stats.run_id = checked.run_id
    AND branch_stats.category = checked.category
    AND branch_stats.level = checked.level
WHERE branch_stats.n > 1 AND branch_stats.min = branch_stats.max
ORDER BY checked.run_number, checked.category, branch_stats.branch
