-- A gap of a point or more (of 5 or more, where a branch is called weak: a warning) may be chance at 95 %. [low, high] is the
-- paired interval, as of report --section worst --ci; where a cell has none, +- takes the branches as independent, which is
-- careful, with standard errors of the stored intervals, else for image scores Hanley and McNeil's (Radiology 143, 1982).
WITH measured AS (
    SELECT
        checked.run_number, checked.category, checked.level, checked.n_images, metrics.branch, metrics.value AS auroc,
        metrics.ci_low, metrics.ci_high,
        CAST(metrics.n_pos AS DOUBLE PRECISION) AS n_pos,
        CAST(metrics.n_neg AS DOUBLE PRECISION) AS n_neg
    FROM checked
    JOIN metrics
        ON metrics.run_id = checked.run_id AND metrics.category = checked.category AND metrics.level = checked.level
    WHERE metrics.metric = 'auroc'
        AND metrics.provenance = 'exact'
        AND metrics.branch IN ('semantic', 'memory')
        AND metrics.value IS NOT NULL
),
uncertain AS (
    SELECT
        run_number, category, n_images, branch, auroc,
        CASE
            WHEN ci_low IS NOT NULL AND ci_high IS NOT NULL THEN POWER((ci_high - ci_low) / (2 * 1.959964), 2)
            WHEN level = 'image' AND n_pos > 0 AND n_neg > 0 THEN (
                auroc * (1 - auroc)
                + (n_pos - 1) * (auroc / (2 - auroc) - auroc * auroc)
                + (n_neg - 1) * (2 * auroc * auroc / (1 + auroc) - auroc * auroc)
            ) / (n_pos * n_neg)
        END AS variance
    FROM measured
),
gaps AS (
    SELECT
        semantic.run_number, semantic.category, semantic.n_images,
        memory.auroc - semantic.auroc AS gap,
        CASE WHEN memory.auroc > semantic.auroc THEN 'semantic' ELSE 'memory' END AS weak_branch,
        paired_gaps.half_width IS NOT NULL AS paired,
        COALESCE(
            paired_gaps.half_width, 1.959964 * SQRT(GREATEST(0, semantic.variance + memory.variance))
        ) AS half_width
    FROM uncertain AS semantic
    JOIN uncertain AS memory ON memory.run_number = semantic.run_number AND memory.category = semantic.category
    LEFT JOIN paired_gaps ON paired_gaps.run_number = semantic.run_number AND paired_gaps.category = semantic.category
    WHERE semantic.branch = 'semantic' AND memory.branch = 'memory'
)
SELECT
    CASE WHEN ABS(gaps.gap) >= 0.05 THEN 'warning' ELSE 'info' END AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task,
    gaps.weak_branch AS branch,
    checked.run_id,
    CONCAT(
        'weaker by ', CAST(100 * ABS(gaps.gap) AS NUMERIC(9, 2)),
        CASE
            WHEN gaps.paired THEN CONCAT(
                ' [', CAST(100 * (ABS(gaps.gap) - gaps.half_width) AS NUMERIC(9, 2)), ', ',
                CAST(100 * (ABS(gaps.gap) + gaps.half_width) AS NUMERIC(9, 2)), ']'
            )
            ELSE CONCAT(' +- ', CAST(100 * gaps.half_width AS NUMERIC(9, 2)))
        END,
        ' points with ', gaps.n_images, ' images; telling it from chance takes about ',
        CAST(CEIL(gaps.n_images * POWER(gaps.half_width / gaps.gap, 2)) AS BIGINT)
    ) AS what,
    'do not call a branch weak by this cell alone: test more images, or average over categories and seeds' AS advice
FROM gaps
JOIN checked ON checked.run_number = gaps.run_number AND checked.category = gaps.category
WHERE ABS(gaps.gap) >= 0.01 AND ABS(gaps.gap) < gaps.half_width
ORDER BY ABS(gaps.gap) DESC, checked.run_number, checked.category
