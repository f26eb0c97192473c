-- Fill numbers: one row a run, category, branch and provenance that was asked for.
INSERT INTO numbers
SELECT chosen.number, metrics.category, metrics.branch, metrics.value, metrics.provenance, metrics.precision
FROM chosen
JOIN metrics ON metrics.run_id = chosen.run_id
WHERE metrics.metric = 'auroc'
    AND metrics.level = CASE chosen.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
    AND (
        metrics.provenance = :provenance
        OR (:provenance = 'best' AND metrics.provenance <> 'approx')
    )
    AND (CAST(:categories AS VARCHAR[]) IS NULL OR metrics.category = ANY(CAST(:categories AS VARCHAR[])))
