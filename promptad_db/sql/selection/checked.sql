-- Make checked: one row a run of the selection and category of it that was asked for, with the level of its task.
CREATE TEMPORARY TABLE checked AS
SELECT
    chosen.number, chosen.setting, chosen.twins, chosen.run_id, chosen.experiment, chosen.method, chosen.variant,
    chosen.dataset, run_categories.category, chosen.k_shot, chosen.seed, chosen.task,
    CASE chosen.task WHEN 'cls' THEN 'image' ELSE 'pixel' END AS level,
    run_categories.n_images
FROM chosen
JOIN run_categories ON run_categories.run_id = chosen.run_id
WHERE CAST(:categories AS VARCHAR[]) IS NULL OR run_categories.category = ANY(CAST(:categories AS VARCHAR[]))
