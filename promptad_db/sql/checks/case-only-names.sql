-- Names that differ in case alone, such as Bottle and bottle in one dataset: what is one thing counts as two, and no average or
-- comparison brings both together. All names of the database are compared with those of the checked runs.
WITH names AS (
    SELECT 'experiments' AS kind, CAST(NULL AS VARCHAR) AS dataset, experiment AS name, run_id FROM runs
    UNION ALL SELECT 'methods', NULL, method, run_id FROM runs
    UNION ALL SELECT 'variants', NULL, variant, run_id FROM runs
    UNION ALL SELECT 'datasets', NULL, dataset, run_id FROM runs
    UNION ALL
    SELECT DISTINCT 'branches', CAST(NULL AS VARCHAR), branch, run_id FROM branches
    UNION ALL
    SELECT 'categories', runs.dataset, run_categories.category, runs.run_id
    FROM run_categories
    JOIN runs ON runs.run_id = run_categories.run_id
),
spellings AS (
    SELECT
        names.kind, names.name,
        MIN(names.dataset) AS dataset,
        COUNT(*) AS runs,
        COUNT(run_keys.run_id) AS checked_runs
    FROM names
    LEFT JOIN run_keys ON run_keys.run_id = names.run_id
    GROUP BY names.kind, LOWER(names.dataset), names.name
    UNION ALL
    SELECT 'branches', reserved.name, NULL, 0, 0
    FROM (
        SELECT 'semantic' AS name UNION ALL SELECT 'memory' UNION ALL SELECT 'max' UNION ALL SELECT 'harmonic'
        UNION ALL SELECT 'mean' UNION ALL SELECT 'gate' UNION ALL SELECT 'oracle'
    ) AS reserved
    WHERE NOT EXISTS (SELECT 1 FROM branches WHERE branches.branch = reserved.name)
),
doubles AS (
    SELECT
        kind,
        MIN(dataset) AS dataset,
        STRING_AGG(
            CASE WHEN runs > 0 THEN CONCAT(name, ' (', runs, ' runs)') ELSE CONCAT(name, ' (reserved)') END,
            ', ' ORDER BY name
        ) AS spelled
    FROM spellings
    GROUP BY kind, LOWER(dataset), LOWER(name)
    HAVING COUNT(*) > 1 AND SUM(checked_runs) > 0
)
SELECT
    'warning' AS severity,
    CAST(NULL AS VARCHAR) AS experiment,
    CAST(NULL AS VARCHAR) AS method,
    CAST(NULL AS VARCHAR) AS variant,
    dataset,
    CAST(NULL AS VARCHAR) AS category,
    CAST(NULL AS INTEGER) AS k_shot,
    CAST(NULL AS BIGINT) AS seed,
    CAST(NULL AS VARCHAR) AS task,
    CAST(NULL AS VARCHAR) AS branch,
    CAST(NULL AS VARCHAR) AS run_id,
    CONCAT('these ', kind, ' differ in case alone: ', spelled) AS what,
    'give both one name: ingest or run one of them again under the other''s, and take it away with promptad-db runs delete'
        AS advice
FROM doubles
ORDER BY kind, dataset, spelled
