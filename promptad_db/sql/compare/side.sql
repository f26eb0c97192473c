-- One row a cell and branch of one side, of the setting that counts for the cell in a report; where no setting has either
-- branch of it, of baseline, else of the latest. Of runs of one setting always the latest, also where its number is undefined.
SELECT task, level, branch, dataset, category, k_shot, seed, auroc, tolerance, run_id
FROM (
    SELECT
        run_keys.task, run_keys.level, run_auroc.branch, run_keys.dataset, run_auroc.category, run_keys.k_shot,
        run_keys.seed, run_auroc.auroc, run_auroc.tolerance, run_keys.run_id,
        ROW_NUMBER() OVER (
            PARTITION BY run_keys.dataset, run_auroc.category, run_keys.k_shot, run_keys.seed, run_keys.task,
                run_auroc.branch
            ORDER BY CASE WHEN run_keys.variant = 'baseline' THEN 0 ELSE 1 END, run_keys.run_number DESC
        ) AS priority
    FROM run_auroc
    JOIN run_keys ON run_keys.run_number = run_auroc.run_number
    LEFT JOIN cells ON cells.cell = run_keys.cell AND cells.category = run_auroc.category
    WHERE run_auroc.recency = 1 AND (cells.setting = run_keys.setting OR cells.setting IS NULL)
) AS ranked
WHERE priority = 1
