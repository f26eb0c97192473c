-- Rows of one side: baseline's run of each cell and branch, else the latest, as wide as the selection that fills it.
SELECT task, branch, dataset, category, k_shot, seed, auroc, precision, run_id
FROM (
    SELECT
        chosen.task, numbers.branch, chosen.dataset, numbers.category, chosen.k_shot, chosen.seed, numbers.auroc,
        numbers.precision, chosen.run_id,
        ROW_NUMBER() OVER (
            PARTITION BY chosen.dataset, numbers.category, chosen.k_shot, chosen.seed, chosen.task, numbers.branch
            ORDER BY CASE WHEN chosen.variant = 'baseline' THEN 0 ELSE 1 END, chosen.number DESC
        ) AS age
    FROM numbers
    JOIN chosen ON chosen.number = numbers.number
) AS by_age
WHERE age = 1
