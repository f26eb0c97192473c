-- What each fusion rule gains over the better branch and over memory alone.
SELECT
    task,
    branch AS rule,
    cells, mean, gain_over_better_branch, gain_over_memory, cells_above_memory, kind, supervision, upper_bound,
    cells_of_several_runs
FROM gains
ORDER BY task, CAST(1e9 * mean AS BIGINT) DESC, branch
