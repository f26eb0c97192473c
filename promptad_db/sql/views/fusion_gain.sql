-- One row a task and fusion rule (per method and variant of an experiment): its mean AUROC over cells, and what it gains
-- over the better of the two branches and over memory alone, 0..1. oracle rules use the labels: upper bounds.
SELECT
    fused.experiment, fused.method, fused.variant, fused.task,
    fused.branch AS rule,
    COUNT(*) AS cells,
    AVG(fused.auroc) AS mean,
    AVG(fused.auroc - GREATEST(pair.semantic, pair.memory)) AS gain_over_better_branch,
    AVG(fused.auroc - pair.memory) AS gain_over_memory,
    COUNT(CASE WHEN fused.auroc > pair.memory THEN 1 END) AS cells_above_memory
FROM branch_auroc AS fused
JOIN branch_gap AS pair
    ON pair.experiment = fused.experiment
    AND pair.method = fused.method
    AND pair.variant = fused.variant
    AND pair.dataset = fused.dataset
    AND pair.category = fused.category
    AND pair.k_shot = fused.k_shot
    AND pair.seed IS NOT DISTINCT FROM fused.seed
    AND pair.task = fused.task
WHERE fused.branch NOT IN ('semantic', 'memory') AND fused.auroc IS NOT NULL AND pair.gap IS NOT NULL
GROUP BY fused.experiment, fused.method, fused.variant, fused.task, fused.branch
