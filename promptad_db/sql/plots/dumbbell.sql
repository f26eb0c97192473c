-- One row a cell, of each task those with the largest gaps: both AUROCs with their intervals where there are any.
SELECT
    ranked.task, ranked.experiment, ranked.method, ranked.variant, ranked.dataset, ranked.category, ranked.k_shot,
    ranked.seed,
    :branch_a AS branch_a,
    :branch_b AS branch_b,
    ranked.semantic AS auroc_a,
    ranked.memory AS auroc_b,
    ranked.gap, ranked.abs_gap,
    first.ci_low AS low_a,
    first.ci_high AS high_a,
    second.ci_low AS low_b,
    second.ci_high AS high_b,
    ranked.provenance,
    ranked.cells
FROM (
    SELECT
        cells.*,
        COUNT(*) OVER (PARTITION BY task) AS cells,
        ROW_NUMBER() OVER (
            PARTITION BY task ORDER BY abs_gap DESC, dataset, category, k_shot, seed, number
        ) AS place_of_gap
    FROM cells
    WHERE age = 1 AND gap IS NOT NULL
) AS ranked
LEFT JOIN metrics AS first
    ON first.run_id = ranked.run_id
    AND first.category = ranked.category
    AND first.branch = :branch_a
    AND first.level = CASE ranked.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
    AND first.metric = 'auroc'
    AND first.value = ranked.semantic
    AND first.ci_low IS NOT NULL
LEFT JOIN metrics AS second
    ON second.run_id = ranked.run_id
    AND second.category = ranked.category
    AND second.branch = :branch_b
    AND second.level = CASE ranked.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
    AND second.metric = 'auroc'
    AND second.value = ranked.memory
    AND second.ci_low IS NOT NULL
WHERE ranked.place_of_gap <= :top
ORDER BY ranked.task, ranked.place_of_gap
