-- What a reader of the selection must know: cells of several runs, variants or of two runs at once, ties by precision, branches
-- whose scores are all equal, how the runs behind the cells were made.
-- parameters: branch_a, branch_b
WITH variants AS (
    SELECT variant, COUNT(*) AS cells FROM cells GROUP BY variant
),
constant AS (
    SELECT run_keys.run_number, branch_stats.category
    FROM branch_stats
    JOIN run_keys ON run_keys.run_id = branch_stats.run_id AND run_keys.level = branch_stats.level
    WHERE branch_stats.branch IN (:branch_a, :branch_b) AND branch_stats.n > 1 AND branch_stats.min = branch_stats.max
),
constant_cells AS (
    SELECT cells.cell, cells.category
    FROM cells
    JOIN constant ON constant.run_number = cells.semantic_run AND constant.category = cells.category
    UNION
    SELECT cells.cell, cells.category
    FROM cells
    JOIN constant ON constant.run_number = cells.memory_run AND constant.category = cells.category
)
SELECT
    COUNT(*) AS cells,
    COUNT(CASE WHEN cells.runs > 1 THEN 1 END) AS of_several_runs,
    COUNT(CASE WHEN cells.of_several_variants THEN 1 END) AS of_several_variants,
    COUNT(CASE WHEN cells.of_two_runs THEN 1 END) AS of_two_runs,
    (SELECT COUNT(*) FROM variants) AS variants,
    (SELECT STRING_AGG(CONCAT(variant, ' ', cells), ', ' ORDER BY variant) FROM variants) AS cells_of_variants,
    COUNT(CASE WHEN cells.weak_branch = 'tie' AND cells.gap <> 0 THEN 1 END) AS ties_by_precision,
    (SELECT COUNT(*) FROM constant_cells) AS constant_scores,
    COUNT(CASE WHEN cells.provenance = 'approx' THEN 1 END) AS approx,
    COUNT(CASE WHEN runs.selection = 'best_on_test' THEN 1 END) AS best_on_test,
    COUNT(CASE WHEN runs.status <> 'finished' THEN 1 END) AS unfinished,
    COUNT(DISTINCT CONCAT(runs.protocol, ' / ', runs.selection, ' / ', COALESCE(runs.model_name, 'unknown backbone')))
        AS protocols,
    COUNT(DISTINCT CASE WHEN runs.task = 'seg' THEN
        CONCAT(COALESCE(CAST(runs.render_height AS VARCHAR), '?'), ' x ',
            COALESCE(CAST(runs.render_width AS VARCHAR), '?'), ', sigma ',
            COALESCE(CAST(runs.gaussian_sigma AS VARCHAR), '?'))
    END) AS renderings
FROM cells
JOIN runs ON runs.run_id = cells.run_id
