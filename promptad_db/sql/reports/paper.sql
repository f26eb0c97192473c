-- Mean AUROC over categories, with the standard deviation over seeds; the best of a column is bold.

-- The deviation compares seeds over the categories that all of them have; std_leaves_out counts the others of a row.
SELECT
    names.task, names.experiment, names.method, names.variant, means.branch, names.dataset, names.k_shot, means.seeds,
    means.cells, means.mean, means.std, means.std_leaves_out, branch_kinds.kind, branch_kinds.supervision,
    branch_kinds.upper_bound
FROM series_means AS means
JOIN series_names AS names ON names.series = means.series
LEFT JOIN branch_kinds ON branch_kinds.branch = means.branch
ORDER BY names.task, names.experiment, names.method, names.variant, means.branch, names.dataset, names.k_shot
