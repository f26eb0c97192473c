-- One row a category, K and task (per method and variant of an experiment): both AUROCs and the gap averaged over seeds, 0..1;
-- cells counts the seeds where both are defined, left_out the others.
SELECT
    experiment, method, variant, dataset, category, k_shot, task, cells, left_out, semantic_weaker, memory_weaker, ties,
    semantic AS semantic_mean,
    memory AS memory_mean,
    gap AS mean_gap,
    abs_gap AS mean_abs_gap
FROM seed_means
