-- Every experiment, the one with the newest run first.
SELECT experiment FROM runs GROUP BY experiment ORDER BY MAX(created_at) DESC, experiment
