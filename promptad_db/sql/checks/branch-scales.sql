-- Max fusion takes one branch for 99 % of the images or of the map: their scales decide, not what they see. Of maps the
-- statistics tell it: ranges that do not overlap, or means so far apart that less than 1 % can be the other way round
-- (Cantelli's inequality, for any distribution).
WITH fused AS (
    SELECT checked.run_number, checked.category, checked.run_id, checked.level
    FROM checked
    WHERE EXISTS (
        SELECT 1
        FROM metrics
        WHERE metrics.run_id = checked.run_id
            AND metrics.category = checked.category
            AND metrics.level = checked.level
            AND metrics.branch = 'max'
            AND metrics.metric = 'auroc'
            AND metrics.provenance <> 'approx'
    )
),
ranked AS (
    SELECT
        fused.run_number, fused.category, image_scores.image, image_scores.branch, image_scores.score,
        PERCENT_RANK() OVER (
            PARTITION BY fused.run_number, fused.category, image_scores.branch ORDER BY image_scores.score
        ) AS rank
    FROM fused
    JOIN image_scores ON image_scores.run_id = fused.run_id AND image_scores.category = fused.category
    WHERE fused.level = 'image' AND image_scores.branch IN ('semantic', 'memory')
),
side_by_side AS (
    SELECT
        run_number, category,
        MAX(CASE WHEN branch = 'semantic' THEN score END) AS semantic,
        MAX(CASE WHEN branch = 'memory' THEN score END) AS memory,
        MAX(CASE WHEN branch = 'semantic' THEN rank END) AS semantic_rank,
        MAX(CASE WHEN branch = 'memory' THEN rank END) AS memory_rank
    FROM ranked
    GROUP BY run_number, category, image
),
of_images AS (
    SELECT
        run_number, category,
        COUNT(*) AS images,
        COUNT(CASE WHEN semantic > memory THEN 1 END) AS semantic_wins,
        COUNT(CASE WHEN memory > semantic THEN 1 END) AS memory_wins,
        COUNT(CASE WHEN semantic_rank > memory_rank THEN 1 END) AS semantic_leads,
        COUNT(CASE WHEN memory_rank > semantic_rank THEN 1 END) AS memory_leads
    FROM side_by_side
    WHERE semantic IS NOT NULL AND memory IS NOT NULL
    GROUP BY run_number, category
),
of_pixels AS (
    SELECT
        fused.run_number, fused.category,
        CASE WHEN semantic.mean > memory.mean THEN 'semantic' ELSE 'memory' END AS branch,
        semantic.mean AS semantic_mean,
        memory.mean AS memory_mean
    FROM fused
    JOIN branch_stats AS semantic
        ON semantic.run_id = fused.run_id AND semantic.category = fused.category AND semantic.branch = 'semantic'
    JOIN branch_stats AS memory
        ON memory.run_id = fused.run_id AND memory.category = fused.category AND memory.branch = 'memory'
    WHERE fused.level = 'pixel'
        AND semantic.level = 'pixel'
        AND memory.level = 'pixel'
        AND (
            semantic.min > memory.max
            OR memory.min > semantic.max
            OR POWER(semantic.mean - memory.mean, 2) > 99 * POWER(semantic.std + memory.std, 2)
        )
),
decided AS (
    SELECT
        run_number, category,
        CASE WHEN semantic_wins > memory_wins THEN 'semantic' ELSE 'memory' END AS branch,
        CONCAT(
            'max is this branch for ', GREATEST(semantic_wins, memory_wins), ' of ', images,
            ' images; by rank within each branch it would be for ',
            CASE WHEN semantic_wins > memory_wins THEN semantic_leads ELSE memory_leads END
        ) AS what
    FROM of_images
    WHERE images >= 10 AND GREATEST(semantic_wins, memory_wins) * 100 >= images * 99
    UNION ALL
    SELECT
        run_number, category, branch,
        CONCAT(
            'max is this branch nearly everywhere: the mean of semantic is ', CAST(semantic_mean AS REAL),
            ', of memory ', CAST(memory_mean AS REAL)
        )
    FROM of_pixels
)
SELECT
    'warning' AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task, decided.branch, checked.run_id, decided.what,
    'put both branches on one scale first: promptad-db fuse --rule max --calibrate rank' AS advice
FROM decided
JOIN checked ON checked.run_number = decided.run_number AND checked.category = decided.category
ORDER BY checked.run_number, checked.category
