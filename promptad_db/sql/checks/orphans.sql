-- Rows without what they belong to: a run, a category of the run, an image, or the name of a category. DuckDB has no
-- foreign keys here, so this looks at the whole database, whatever the filters.
WITH orphans AS (
    SELECT 'run_tags' AS kept_in, 'run' AS missing, COUNT(*) AS orphans
    FROM run_tags
    WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = run_tags.run_id)
    UNION ALL
    SELECT 'run_categories' AS kept_in, 'run' AS missing, COUNT(*) AS orphans
    FROM run_categories
    WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = run_categories.run_id)
    UNION ALL
    SELECT 'images' AS kept_in, 'run' AS missing, COUNT(*) AS orphans
    FROM images
    WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = images.run_id)
    UNION ALL
    SELECT 'image_scores' AS kept_in, 'run' AS missing, COUNT(*) AS orphans
    FROM image_scores
    WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = image_scores.run_id)
    UNION ALL
    SELECT 'branch_stats' AS kept_in, 'run' AS missing, COUNT(*) AS orphans
    FROM branch_stats
    WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = branch_stats.run_id)
    UNION ALL
    SELECT 'branches' AS kept_in, 'run' AS missing, COUNT(*) AS orphans
    FROM branches
    WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = branches.run_id)
    UNION ALL
    SELECT 'placements' AS kept_in, 'run' AS missing, COUNT(*) AS orphans
    FROM placements
    WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = placements.run_id)
    UNION ALL
    SELECT 'metrics' AS kept_in, 'run' AS missing, COUNT(*) AS orphans
    FROM metrics
    WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = metrics.run_id)
    UNION ALL
    SELECT 'timings' AS kept_in, 'run' AS missing, COUNT(*) AS orphans
    FROM timings
    WHERE NOT EXISTS (SELECT 1 FROM runs WHERE runs.run_id = timings.run_id)
    UNION ALL
    SELECT 'images', 'category of its run', COUNT(*)
    FROM images
    WHERE NOT EXISTS (
        SELECT 1
        FROM run_categories
        WHERE run_categories.run_id = images.run_id AND run_categories.category = images.category
    )
    UNION ALL
    SELECT 'image_scores', 'category of its run', COUNT(*)
    FROM image_scores
    WHERE NOT EXISTS (
        SELECT 1
        FROM run_categories
        WHERE run_categories.run_id = image_scores.run_id AND run_categories.category = image_scores.category
    )
    UNION ALL
    SELECT 'branch_stats', 'category of its run', COUNT(*)
    FROM branch_stats
    WHERE NOT EXISTS (
        SELECT 1
        FROM run_categories
        WHERE run_categories.run_id = branch_stats.run_id AND run_categories.category = branch_stats.category
    )
    UNION ALL
    SELECT 'metrics', 'category of its run', COUNT(*)
    FROM metrics
    WHERE NOT EXISTS (
        SELECT 1
        FROM run_categories
        WHERE run_categories.run_id = metrics.run_id AND run_categories.category = metrics.category
    )
    UNION ALL
    SELECT 'timings', 'category of its run', COUNT(*)
    FROM timings
    WHERE NOT EXISTS (
        SELECT 1
        FROM run_categories
        WHERE run_categories.run_id = timings.run_id AND run_categories.category = timings.category
    )
    UNION ALL
    SELECT 'image_scores', 'image', COUNT(*)
    FROM image_scores
    WHERE NOT EXISTS (
        SELECT 1
        FROM images
        WHERE images.run_id = image_scores.run_id
            AND images.category = image_scores.category
            AND images.image = image_scores.image
    )
    UNION ALL
    SELECT 'placements', 'image', COUNT(*)
    FROM placements
    WHERE NOT EXISTS (
        SELECT 1
        FROM images
        WHERE images.run_id = placements.run_id
            AND images.category = placements.category
            AND images.image = placements.image
    )
    UNION ALL
    SELECT 'run_categories', 'category of its dataset', COUNT(*)
    FROM run_categories
    JOIN runs ON runs.run_id = run_categories.run_id
    WHERE NOT EXISTS (
        SELECT 1
        FROM categories
        WHERE categories.dataset = runs.dataset AND categories.category = run_categories.category
    )
)
SELECT
    'error' AS severity,
    CAST(NULL AS VARCHAR) AS experiment,
    CAST(NULL AS VARCHAR) AS method,
    CAST(NULL AS VARCHAR) AS variant,
    CAST(NULL AS VARCHAR) AS dataset,
    CAST(NULL AS VARCHAR) AS category,
    CAST(NULL AS INTEGER) AS k_shot,
    CAST(NULL AS BIGINT) AS seed,
    CAST(NULL AS VARCHAR) AS task,
    CAST(NULL AS VARCHAR) AS branch,
    CAST(NULL AS VARCHAR) AS run_id,
    CONCAT(orphans, ' rows of ', kept_in, ' have no ', missing) AS what,
    'make the database again from the run folders: promptad-db rebuild' AS advice
FROM orphans
WHERE orphans > 0
ORDER BY kept_in, missing
