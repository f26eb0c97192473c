-- What the database knows of one run.
-- parameters: run_id
SELECT * FROM runs WHERE run_id = :run_id
