-- Every variant of the selection, the one that ran first above: how many of its runs were repeated, and its runs.
SELECT
    variant,
    COUNT(CASE WHEN repeats > 1 THEN 1 END) AS repeated,
    STRING_AGG(run_id, ' ') AS run_ids
FROM run_keys
GROUP BY variant
ORDER BY MIN(run_number)
