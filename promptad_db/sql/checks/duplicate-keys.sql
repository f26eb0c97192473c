-- Rows that the tables' natural keys forbid: two of one key count twice in every average. DuckDB holds them without a
-- constraint, so this looks at the whole database, whatever the filters.
WITH doubled AS (
    SELECT 'run_tags' AS kept_in, COUNT(*) AS keys
    FROM (SELECT run_id, tag FROM run_tags GROUP BY run_id, tag HAVING COUNT(*) > 1) AS twice
    UNION ALL
    SELECT 'run_categories' AS kept_in, COUNT(*) AS keys
    FROM (SELECT run_id, category FROM run_categories GROUP BY run_id, category HAVING COUNT(*) > 1) AS twice
    UNION ALL
    SELECT 'images' AS kept_in, COUNT(*) AS keys
    FROM (SELECT run_id, category, image FROM images GROUP BY run_id, category, image HAVING COUNT(*) > 1) AS twice
    UNION ALL
    SELECT 'image_scores' AS kept_in, COUNT(*) AS keys
    FROM (SELECT run_id, category, image, branch FROM image_scores GROUP BY run_id, category, image, branch HAVING COUNT(*) > 1) AS twice
    UNION ALL
    SELECT 'branch_stats' AS kept_in, COUNT(*) AS keys
    FROM (SELECT run_id, category, branch, level FROM branch_stats GROUP BY run_id, category, branch, level HAVING COUNT(*) > 1) AS twice
    UNION ALL
    SELECT 'branches' AS kept_in, COUNT(*) AS keys
    FROM (SELECT run_id, category, branch FROM branches GROUP BY run_id, category, branch HAVING COUNT(*) > 1) AS twice
    UNION ALL
    SELECT 'placements' AS kept_in, COUNT(*) AS keys
    FROM (SELECT run_id, category, image, level, branch FROM placements GROUP BY run_id, category, image, level, branch HAVING COUNT(*) > 1) AS twice
    UNION ALL
    SELECT 'metrics' AS kept_in, COUNT(*) AS keys
    FROM (SELECT run_id, category, branch, level, metric, provenance FROM metrics GROUP BY run_id, category, branch, level, metric, provenance HAVING COUNT(*) > 1) AS twice
    UNION ALL
    SELECT 'timings' AS kept_in, COUNT(*) AS keys
    FROM (SELECT run_id, category, stage FROM timings GROUP BY run_id, category, stage HAVING COUNT(*) > 1) AS twice
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
    CONCAT(keys, ' keys stand twice or more in ', kept_in) AS what,
    'make the database again from the run folders: promptad-db rebuild' AS advice
FROM doubled
WHERE keys > 0
ORDER BY kept_in
