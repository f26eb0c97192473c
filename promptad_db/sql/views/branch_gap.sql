-- One row a cell (per method and variant of an experiment): semantic and memory AUROC, gap = memory - semantic, 0..1;
-- weak_branch is the lower one, 'tie' when they are equal or differ by less than the reported numbers' precision.
SELECT
    experiment, method, variant, dataset, category, k_shot, seed, task, semantic, memory,
    memory - semantic AS gap,
    ABS(memory - semantic) AS abs_gap,
    CASE
        WHEN memory - semantic IS NULL THEN NULL
        WHEN memory = semantic OR ABS(memory - semantic) < precision * 0.999999 THEN 'tie'
        WHEN memory > semantic THEN 'semantic'
        ELSE 'memory'
    END AS weak_branch,
    provenance
FROM (
    SELECT
        experiment, method, variant, dataset, category, k_shot, seed, task,
        MAX(CASE WHEN branch = 'semantic' THEN auroc END) AS semantic,
        MAX(CASE WHEN branch = 'memory' THEN auroc END) AS memory,
        MAX(precision) AS precision,
        CASE WHEN MIN(provenance) = MAX(provenance) THEN MIN(provenance) ELSE 'mixed' END AS provenance
    FROM branch_auroc
    WHERE branch IN ('semantic', 'memory')
    GROUP BY experiment, method, variant, dataset, category, k_shot, seed, task
) AS both_branches
