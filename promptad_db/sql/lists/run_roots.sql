-- The folders in which run folders lie.
SELECT DISTINCT REGEXP_REPLACE(folder, '[/\\][^/\\]*$', '') AS root FROM runs ORDER BY root
