-- Every run, the newest first.
-- parameters: datasets, experiments, tag, tasks
SELECT
    runs.run_id, runs.experiment, runs.method, runs.variant, runs.task, runs.dataset, runs.k_shot, runs.seed, runs.status,
    COUNT(run_categories.category) AS categories,
    runs.created_at,
    runs.source_kind AS source,
    (SELECT STRING_AGG(tag, ', ' ORDER BY tag) FROM run_tags WHERE run_tags.run_id = runs.run_id) AS tags
FROM runs
LEFT JOIN run_categories ON run_categories.run_id = runs.run_id
WHERE (CAST(:experiments AS VARCHAR[]) IS NULL OR runs.experiment = ANY(CAST(:experiments AS VARCHAR[])))
    AND (CAST(:tasks AS VARCHAR[]) IS NULL OR runs.task = ANY(CAST(:tasks AS VARCHAR[])))
    AND (CAST(:datasets AS VARCHAR[]) IS NULL OR runs.dataset = ANY(CAST(:datasets AS VARCHAR[])))
    AND (CAST(:tag AS VARCHAR) IS NULL
        OR EXISTS (SELECT 1 FROM run_tags WHERE run_tags.run_id = runs.run_id AND run_tags.tag = :tag))
GROUP BY
    runs.run_id, runs.experiment, runs.method, runs.variant, runs.task, runs.dataset, runs.k_shot, runs.seed, runs.status,
    runs.created_at, runs.source_kind
ORDER BY runs.created_at DESC, runs.run_id DESC
