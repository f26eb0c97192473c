-- What a reader of the selection must know: doubled cells, ties by precision, how the runs behind the cells were made.
SELECT
    COUNT(CASE WHEN cells.age = 2 THEN 1 END) AS doubled,
    COUNT(CASE WHEN cells.age = 1 THEN 1 END) AS cells,
    COUNT(CASE WHEN cells.age = 1 AND cells.weak_branch = 'tie' AND cells.gap <> 0 THEN 1 END) AS ties_by_precision,
    COUNT(CASE WHEN cells.age = 1 AND cells.provenance = 'approx' THEN 1 END) AS approx,
    COUNT(CASE WHEN cells.age = 1 AND runs.selection = 'best_on_test' THEN 1 END) AS best_on_test,
    COUNT(CASE WHEN cells.age = 1 AND runs.status <> 'finished' THEN 1 END) AS unfinished,
    COUNT(DISTINCT CASE WHEN cells.age = 1 THEN
        CONCAT(runs.protocol, ' / ', runs.selection, ' / ', COALESCE(runs.model_name, 'unknown backbone'))
    END) AS protocols,
    COUNT(DISTINCT CASE WHEN cells.age = 1 AND runs.task = 'seg' THEN
        CONCAT(COALESCE(CAST(runs.render_height AS VARCHAR), '?'), ' x ',
            COALESCE(CAST(runs.render_width AS VARCHAR), '?'), ', sigma ',
            COALESCE(CAST(runs.gaussian_sigma AS VARCHAR), '?'))
    END) AS renderings
FROM cells
JOIN runs ON runs.run_id = cells.run_id
