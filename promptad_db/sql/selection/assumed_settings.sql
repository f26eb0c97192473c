-- One row a run and setting that its file does not tell: from what it was taken when the file was ingested.
-- parameters: bases, run_ids, settings
SELECT
    UNNEST(CAST(:run_ids AS VARCHAR[])) AS run_id,
    UNNEST(CAST(:settings AS VARCHAR[])) AS setting,
    UNNEST(CAST(:bases AS VARCHAR[])) AS basis
