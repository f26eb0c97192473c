-- The summary of each number of shots.
SELECT
    k_shot, task, provenance, cells, left_out, semantic_weaker, memory_weaker, ties,
    semantic_mean, memory_mean, mean_gap, mean_abs_gap, median_abs_gap
FROM summaries
WHERE k_shot IS NOT NULL
ORDER BY task, k_shot
