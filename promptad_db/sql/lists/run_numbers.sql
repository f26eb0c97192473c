-- Every number of one run.
-- parameters: run_id
SELECT category, branch, level, metric, provenance, value, precision, n_pos, n_neg, note
FROM metrics
WHERE run_id = :run_id
ORDER BY category, level, metric, branch, provenance
