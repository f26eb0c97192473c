-- What a reader of the selection must know: doubled cells, several variants, ties by precision, how the runs behind the
-- cells were made.
WITH counted AS (
    SELECT
        number,
        COUNT(CASE WHEN age = 2 THEN 1 END) AS doubled,
        COUNT(CASE WHEN age = 1 THEN 1 END) AS cells,
        COUNT(CASE WHEN age = 1 AND weak_branch = 'tie' AND gap <> 0 THEN 1 END) AS ties_by_precision,
        COUNT(CASE WHEN age = 1 AND provenance = 'approx' THEN 1 END) AS approx
    FROM pairs
    GROUP BY number
),
of_several_variants AS (
    SELECT chosen.cell, pairs.category
    FROM pairs
    JOIN chosen ON chosen.number = pairs.number
    WHERE chosen.rivals > 1
    GROUP BY chosen.cell, pairs.category
    HAVING COUNT(DISTINCT chosen.variant) > 1
),
variants AS (
    SELECT chosen.variant, SUM(counted.cells) AS cells
    FROM counted
    JOIN chosen ON chosen.number = counted.number
    WHERE counted.cells > 0
    GROUP BY chosen.variant
)
SELECT
    COALESCE(CAST(SUM(counted.doubled) AS BIGINT), 0) AS doubled,
    (SELECT COUNT(*) FROM of_several_variants) AS of_several_variants,
    (SELECT COUNT(*) FROM variants) AS variants,
    (SELECT STRING_AGG(CONCAT(variant, ' ', cells), ', ' ORDER BY variant) FROM variants) AS cells_of_variants,
    COALESCE(CAST(SUM(counted.cells) AS BIGINT), 0) AS cells,
    COALESCE(CAST(SUM(counted.ties_by_precision) AS BIGINT), 0) AS ties_by_precision,
    COALESCE(CAST(SUM(counted.approx) AS BIGINT), 0) AS approx,
    COALESCE(CAST(SUM(CASE WHEN runs.selection = 'best_on_test' THEN counted.cells END) AS BIGINT), 0) AS best_on_test,
    COALESCE(CAST(SUM(CASE WHEN runs.status <> 'finished' THEN counted.cells END) AS BIGINT), 0) AS unfinished,
    COUNT(DISTINCT CASE WHEN counted.cells > 0 THEN
        CONCAT(runs.protocol, ' / ', runs.selection, ' / ', COALESCE(runs.model_name, 'unknown backbone'))
    END) AS protocols,
    COUNT(DISTINCT CASE WHEN counted.cells > 0 AND runs.task = 'seg' THEN
        CONCAT(COALESCE(CAST(runs.render_height AS VARCHAR), '?'), ' x ',
            COALESCE(CAST(runs.render_width AS VARCHAR), '?'), ', sigma ',
            COALESCE(CAST(runs.gaussian_sigma AS VARCHAR), '?'))
    END) AS renderings
FROM counted
JOIN chosen ON chosen.number = counted.number
JOIN runs ON runs.run_id = chosen.run_id
