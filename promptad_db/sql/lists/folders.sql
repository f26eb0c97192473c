-- One row a run of the selection, the oldest first: where its folder is.
SELECT runs.run_id, runs.folder
FROM run_keys
JOIN runs ON runs.run_id = run_keys.run_id
ORDER BY run_keys.run_number
