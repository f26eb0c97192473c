-- One row a task and fusion rule (per method and variant of an experiment): its mean AUROC over cells, and what it gains
-- over the better of the two branches and over memory alone, 0..1, seeds averaged first; upper_bound says that the rule uses
-- the labels, supervision what else it knows of test images.
SELECT
    experiment, method, variant, task,
    branch AS rule,
    cells, mean, gain_over_better_branch, gain_over_memory, cells_above_memory, kind, supervision, upper_bound,
    cells_of_several_runs
FROM gains
