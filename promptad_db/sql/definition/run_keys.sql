-- One row a run: what it repeats and what it is compared with, as numbers to join by. A setting is what was run, and runs of
-- one setting repeat each other; a cell may be of several methods and variants.
SELECT
    ROW_NUMBER() OVER (ORDER BY created_at, run_id) AS run_number,
    DENSE_RANK() OVER (ORDER BY experiment, method, variant, dataset, k_shot, seed, task) AS setting,
    COUNT(*) OVER (PARTITION BY experiment, method, variant, dataset, k_shot, seed, task) AS repeats,
    DENSE_RANK() OVER (ORDER BY experiment, method, variant, dataset, k_shot, task) AS setting_across_seeds,
    DENSE_RANK() OVER (ORDER BY experiment, method, dataset, k_shot, seed, task) AS setting_across_variants,
    DENSE_RANK() OVER (ORDER BY experiment, method, variant) AS sweep,
    DENSE_RANK() OVER (ORDER BY experiment, dataset, k_shot, seed, task) AS cell,
    COUNT(*) OVER (PARTITION BY experiment, dataset, k_shot, seed, task)
        - COUNT(*) OVER (PARTITION BY experiment, method, variant, dataset, k_shot, seed, task) AS others_of_cell,
    DENSE_RANK() OVER (ORDER BY experiment, dataset, k_shot, task) AS cell_across_seeds,
    CASE task WHEN 'cls' THEN 'image' ELSE 'pixel' END COLLATE "C" AS level,
    run_id, experiment, method, variant, dataset, k_shot, seed, task, created_at
FROM runs
