-- One row a run of the selection and category of it that was asked for.
-- parameters: categories
SELECT run_keys.*, run_categories.category, run_categories.n_images
FROM run_keys
JOIN run_categories ON run_categories.run_id = run_keys.run_id
WHERE CAST(:categories AS VARCHAR[]) IS NULL OR run_categories.category = ANY(CAST(:categories AS VARCHAR[]))
