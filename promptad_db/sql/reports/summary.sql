-- How often each branch is the weaker one, and by how much.
SELECT
    task, provenance, cells, left_out, semantic_weaker, memory_weaker, ties,
    semantic_mean, memory_mean, mean_gap, mean_abs_gap, median_abs_gap
FROM summaries
WHERE dataset IS NULL AND k_shot IS NULL
ORDER BY task
