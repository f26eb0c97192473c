-- One row a series of seeds: what was run.
SELECT DISTINCT setting_across_seeds AS series, task, experiment, method, variant, dataset, k_shot FROM run_keys
