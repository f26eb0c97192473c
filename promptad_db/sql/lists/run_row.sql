-- What the database knows of one run.
SELECT * FROM runs WHERE run_id = :run_id
