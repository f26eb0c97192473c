-- The table of distinct AUROCs in the terms, each with a number, and each place (a task and category) with its own.
CREATE TEMPORARY TABLE units AS
SELECT
    run_id, task, category, branch, auroc,
    ROW_NUMBER() OVER (ORDER BY run_id, category, branch) AS unit,
    DENSE_RANK() OVER (ORDER BY task, dataset, category) AS place
FROM (
    SELECT DISTINCT run_id, task, dataset, category, branch, auroc FROM terms
) AS wanted
