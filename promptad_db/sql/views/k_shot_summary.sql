-- One row a number of shots and task (per method and variant of an experiment): how often each branch is the weaker one, and
-- mean AUROCs and gaps over cells, seeds averaged first, 0..1; left_out counts cells where one of the two is missing or
-- undefined.
SELECT
    experiment, method, variant, k_shot, task, cells, left_out, semantic_weaker, memory_weaker, ties, semantic_mean,
    memory_mean, mean_gap, mean_abs_gap, median_abs_gap, provenance
FROM summaries
WHERE k_shot IS NOT NULL
