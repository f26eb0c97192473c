-- CLS and SEG side by side; the ratio is the mean absolute gap of SEG over that of CLS.
SELECT
    task, provenance, cells, left_out, semantic_weaker, memory_weaker, ties,
    semantic_mean, memory_mean, mean_gap, mean_abs_gap, median_abs_gap,
    MAX(CASE WHEN task = 'seg' THEN mean_abs_gap END) OVER ()
        / NULLIF(MAX(CASE WHEN task = 'cls' THEN mean_abs_gap END) OVER (), 0) AS abs_gap_ratio
FROM summaries
WHERE dataset IS NULL AND k_shot IS NULL
ORDER BY task
