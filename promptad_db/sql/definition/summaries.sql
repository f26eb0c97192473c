-- One row a sweep and task, one a dataset of it, one a K of it: seeds averaged within a category and K first, then all of
-- these.
SELECT
    task, dataset, k_shot,
    MIN(experiment) AS experiment,
    MIN(method) AS method,
    MIN(variant) AS variant,
    CASE
        WHEN SUM(cells) = 0 THEN NULL
        WHEN SUM(exact_cells) = SUM(cells) THEN 'exact'
        WHEN SUM(reported_cells) = SUM(cells) THEN 'reported'
        WHEN SUM(approx_cells) = SUM(cells) THEN 'approx'
        ELSE CONCAT_WS(
            ', ',
            CASE WHEN SUM(exact_cells) > 0 THEN CONCAT(SUM(exact_cells), ' exact') END,
            CASE WHEN SUM(reported_cells) > 0 THEN CONCAT(SUM(reported_cells), ' reported') END,
            CASE
                WHEN SUM(cells) > SUM(exact_cells) + SUM(reported_cells)
                    THEN CONCAT(SUM(cells) - SUM(exact_cells) - SUM(reported_cells), ' mixed')
            END
        )
    END AS provenance,
    CAST(SUM(cells) AS BIGINT) AS cells,
    CAST(SUM(left_out) AS BIGINT) AS left_out,
    CAST(SUM(semantic_weaker) AS BIGINT) AS semantic_weaker,
    CAST(SUM(memory_weaker) AS BIGINT) AS memory_weaker,
    CAST(SUM(ties) AS BIGINT) AS ties,
    CAST(SUM(cells_of_two_runs) AS BIGINT) AS cells_of_two_runs,
    AVG(semantic) AS semantic_mean,
    AVG(memory) AS memory_mean,
    AVG(gap) AS mean_gap,
    AVG(abs_gap) AS mean_abs_gap,
    PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY abs_gap) AS median_abs_gap
FROM seed_means
GROUP BY GROUPING SETS ((sweep, task), (sweep, task, dataset), (sweep, task, k_shot))
