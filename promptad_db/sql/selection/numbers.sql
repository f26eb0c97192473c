-- Fill numbers: the AUROCs of one provenance, where a better one did not fill the place of a run, category and branch.
INSERT INTO numbers
SELECT chosen.number, metrics.category, metrics.branch, metrics.value, metrics.provenance, metrics.precision
FROM chosen
JOIN metrics ON metrics.run_id = chosen.run_id
WHERE metrics.metric = 'auroc'
    AND metrics.level = CASE chosen.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
    AND metrics.provenance = :provenance
    AND (CAST(:categories AS VARCHAR[]) IS NULL OR metrics.category = ANY(CAST(:categories AS VARCHAR[])))
    AND NOT EXISTS (
        SELECT 1
        FROM numbers AS better
        WHERE better.number = chosen.number
            AND better.category = metrics.category
            AND better.branch = metrics.branch
    )
