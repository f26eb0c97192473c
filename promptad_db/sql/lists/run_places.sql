-- The folders in which run folders lie.
SELECT DISTINCT REGEXP_REPLACE(folder, '[/\\][^/\\]*$', '') AS place FROM runs ORDER BY place
