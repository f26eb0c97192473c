-- The protocols of some runs: what must be equal for numbers to be comparable.
-- parameters: run_ids
SELECT DISTINCT
    task, protocol, selection,
    COALESCE(model_name, 'unknown') AS backbone,
    COALESCE(CAST(render_height AS VARCHAR), '?') AS rendered_height
FROM runs
WHERE run_id = ANY(CAST(:run_ids AS VARCHAR[]))
ORDER BY task, protocol, selection, backbone, rendered_height
