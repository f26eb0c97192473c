-- Fill summaries: a row a task, a row a task and dataset, and a row a task and K.
INSERT INTO summaries
SELECT
    task, dataset, k_shot,
    CASE
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
    END,
    SUM(cells),
    SUM(left_out),
    SUM(semantic_weaker),
    SUM(memory_weaker),
    SUM(ties),
    AVG(semantic),
    AVG(memory),
    AVG(gap),
    AVG(abs_gap),
    PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY abs_gap)
FROM seed_means
GROUP BY GROUPING SETS ((task), (task, dataset), (task, k_shot))
