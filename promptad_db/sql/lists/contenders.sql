-- One row a task, variant, branch and category: the AUROC averaged over seeds, then over K, and in how many cells; of repeated
-- runs the latest counts. Oracles choose with the label's help and do not contend.
WITH latest AS (
    SELECT
        chosen.task, chosen.variant, chosen.dataset, chosen.k_shot, numbers.category, numbers.branch, numbers.auroc,
        ROW_NUMBER() OVER (
            PARTITION BY chosen.task, chosen.variant, chosen.dataset, chosen.k_shot, chosen.seed, numbers.category,
                numbers.branch
            ORDER BY chosen.number DESC
        ) AS age
    FROM numbers
    JOIN chosen ON chosen.number = numbers.number
    WHERE numbers.auroc IS NOT NULL AND numbers.branch <> 'reported_oracle' AND NOT STARTS_WITH(numbers.branch, 'oracle')
),
seed_means AS (
    SELECT task, variant, branch, dataset, category, k_shot, COUNT(*) AS cells, AVG(auroc) AS auroc
    FROM latest
    WHERE age = 1
    GROUP BY task, variant, branch, dataset, category, k_shot
)
SELECT
    task, variant, branch, dataset, category,
    CAST(SUM(cells) AS BIGINT) AS cells,
    AVG(auroc) AS auroc
FROM seed_means
GROUP BY task, variant, branch, dataset, category
ORDER BY task, variant, branch, dataset, category
