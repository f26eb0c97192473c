-- Terms of the gap, memory less semantic, of each cell of a slice of the runs that are checked.
-- parameters: slice
SELECT
    ARRAY[CAST(checked.run_number AS VARCHAR), checked.category], '', checked.run_id, checked.level, checked.task,
    checked.dataset, checked.category, metrics.branch, CASE metrics.branch WHEN 'memory' THEN 1 ELSE -1 END, metrics.value
FROM slices
JOIN checked ON checked.run_number = slices.run_number
JOIN metrics
    ON metrics.run_id = checked.run_id AND metrics.category = checked.category AND metrics.level = checked.level
WHERE slices.slice = :slice
    AND metrics.metric = 'auroc'
    AND metrics.provenance = 'exact'
    AND metrics.branch IN ('semantic', 'memory')
    AND metrics.value IS NOT NULL
