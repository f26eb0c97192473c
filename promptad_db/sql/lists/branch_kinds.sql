-- One row a branch of the selection: what it is, what of test images it knows, and whether that makes it an upper bound; of runs
-- that say different things the strongest.
SELECT
    branches.branch,
    MAX(branches.kind) AS kind,
    MAX(branches.supervision) AS supervision,
    MAX(CASE WHEN branches.kind = 'oracle' THEN 1 ELSE 0 END) = 1 AS upper_bound
FROM branches
JOIN chosen ON chosen.run_id = branches.run_id
GROUP BY branches.branch
ORDER BY branches.branch
