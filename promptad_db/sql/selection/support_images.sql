-- One row a run, category and support image of it, by the name that the run recorded.
-- parameters: categories, images, run_ids
SELECT
    UNNEST(CAST(:run_ids AS VARCHAR[])) AS run_id,
    UNNEST(CAST(:categories AS VARCHAR[])) AS category,
    UNNEST(CAST(:images AS VARCHAR[])) AS image
