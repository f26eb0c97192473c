-- The summary of each dataset.
SELECT
    dataset, task, provenance, cells, left_out, semantic_weaker, memory_weaker, ties,
    semantic_mean, memory_mean, mean_gap, mean_abs_gap, median_abs_gap
FROM summaries
WHERE dataset IS NOT NULL
ORDER BY task, dataset
