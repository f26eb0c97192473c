-- A page of the runs that a search finds, in the order asked for, with the mean AUROC of both branches over the
-- categories of each (the exact one, else the reported one); ``matches`` counts all that were found.
-- parameters: dataset, direction, experiment, k_shot, method, search, seed, size, skip, sort, status, tag, task, variant
WITH found AS (
    SELECT
        runs.run_id, runs.experiment, runs.method, runs.variant, runs.task, runs.dataset, runs.k_shot, runs.seed,
        runs.status, runs.created_at,
        (SELECT STRING_AGG(tag, ', ' ORDER BY tag) FROM run_tags WHERE run_tags.run_id = runs.run_id) AS tags
    FROM runs
    WHERE (CAST(:experiment AS VARCHAR) IS NULL OR runs.experiment = CAST(:experiment AS VARCHAR))
        AND (CAST(:dataset AS VARCHAR) IS NULL OR runs.dataset = CAST(:dataset AS VARCHAR))
        AND (CAST(:task AS VARCHAR) IS NULL OR runs.task = CAST(:task AS VARCHAR))
        AND (CAST(:method AS VARCHAR) IS NULL OR runs.method = CAST(:method AS VARCHAR))
        AND (CAST(:variant AS VARCHAR) IS NULL OR runs.variant = CAST(:variant AS VARCHAR))
        AND (CAST(:status AS VARCHAR) IS NULL OR runs.status = CAST(:status AS VARCHAR))
        AND (CAST(:k_shot AS BIGINT) IS NULL OR runs.k_shot = CAST(:k_shot AS BIGINT))
        AND (CAST(:seed AS BIGINT) IS NULL OR runs.seed = CAST(:seed AS BIGINT))
        AND (CAST(:tag AS VARCHAR) IS NULL
            OR EXISTS (SELECT 1 FROM run_tags WHERE run_tags.run_id = runs.run_id AND run_tags.tag = :tag))
        AND (CAST(:search AS VARCHAR) IS NULL
            OR STRPOS(LOWER(CONCAT_WS(' ', runs.run_id, runs.experiment, runs.method, runs.dataset, runs.variant)),
                LOWER(CAST(:search AS VARCHAR))) > 0
            OR EXISTS (
                SELECT 1 FROM run_tags
                WHERE run_tags.run_id = runs.run_id AND STRPOS(LOWER(run_tags.tag), LOWER(CAST(:search AS VARCHAR))) > 0
            ))
),
numbers AS (
    SELECT
        metrics.run_id, metrics.category, metrics.branch,
        COALESCE(
            MAX(CASE WHEN metrics.provenance = 'exact' THEN metrics.value END),
            MAX(CASE WHEN metrics.provenance = 'reported' THEN metrics.value END)
        ) AS auroc
    FROM metrics
    JOIN found ON found.run_id = metrics.run_id
        AND metrics.level = CASE found.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
    WHERE metrics.metric = 'auroc' AND metrics.branch IN ('semantic', 'memory')
    GROUP BY metrics.run_id, metrics.category, metrics.branch
),
means AS (
    SELECT
        run_id,
        AVG(CASE WHEN branch = 'semantic' THEN auroc END) AS semantic,
        AVG(CASE WHEN branch = 'memory' THEN auroc END) AS memory
    FROM numbers
    GROUP BY run_id
),
categories_of AS (
    SELECT run_id, COUNT(*) AS categories FROM run_categories GROUP BY run_id
),
ordered AS (
    SELECT
        found.*, means.semantic, means.memory,
        COALESCE(categories_of.categories, 0) AS categories,
        COUNT(*) OVER () AS matches,
        CASE :sort
            WHEN 'experiment' THEN found.experiment
            WHEN 'method' THEN found.method
            WHEN 'variant' THEN found.variant
            WHEN 'task' THEN found.task
            WHEN 'dataset' THEN found.dataset
            WHEN 'status' THEN found.status
        END AS word,
        CASE :sort
            WHEN 'k_shot' THEN found.k_shot
            WHEN 'seed' THEN found.seed
            WHEN 'categories' THEN categories_of.categories
            WHEN 'semantic' THEN means.semantic
            WHEN 'memory' THEN means.memory
        END AS number
    FROM found
    LEFT JOIN means ON means.run_id = found.run_id
    LEFT JOIN categories_of ON categories_of.run_id = found.run_id
)
SELECT
    run_id, experiment, method, variant, task, dataset, k_shot, seed, status, categories, semantic, memory, created_at,
    tags, matches
FROM ordered
ORDER BY
    CASE WHEN :direction = 'up' THEN word END,
    CASE WHEN :direction = 'down' THEN word END DESC,
    CASE WHEN :direction = 'up' THEN number END NULLS LAST,
    CASE WHEN :direction = 'down' THEN number END DESC NULLS LAST,
    CASE WHEN :sort = 'created_at' AND :direction = 'up' THEN created_at END,
    created_at DESC, run_id DESC
LIMIT :size OFFSET :skip
