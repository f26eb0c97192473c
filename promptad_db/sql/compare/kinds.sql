-- One row a branch of the compared runs: what they say it is. A name that is an upper bound or supervised in one of them is so
-- in all.
SELECT
    branches.branch,
    CASE WHEN MIN(branches.kind) = MAX(branches.kind) THEN MIN(branches.kind) ELSE 'mixed' END AS kind,
    MAX(branches.supervision) AS supervision,
    MAX(CASE WHEN branches.kind = 'oracle' THEN 1 ELSE 0 END) = 1 AS upper_bound
FROM branches
JOIN (
    SELECT run_id FROM side_a
    UNION
    SELECT run_id FROM side_b
) AS compared ON compared.run_id = branches.run_id
GROUP BY branches.branch
ORDER BY branches.branch
