-- The cells that a variant repairs: its semantic branch leaves less than half of a weak one's gap to memory.
-- parameters: top

-- See selection/weak_cells.sql. Both gaps are to the reference's memory branch; the largest gain stands first.
WITH settings AS (
    SELECT DISTINCT
        setting_across_variants AS of_variants, setting_across_seeds AS series, experiment, method, variant,
        dataset, k_shot, seed, task
    FROM run_keys
)
SELECT
    settings.variant, settings.dataset, weak_cells.category, settings.k_shot, settings.seed, settings.task,
    weak_cells.reference_semantic, weak_cells.reference_memory,
    weak_cells.reference_memory - weak_cells.reference_semantic AS reference_gap,
    weak_cells.semantic,
    weak_cells.reference_memory - weak_cells.semantic AS gap_left,
    (weak_cells.semantic - weak_cells.reference_semantic)
        / (weak_cells.reference_memory - weak_cells.reference_semantic) AS share_closed,
    settings.experiment, settings.method
FROM weak_cells
JOIN settings ON settings.of_variants = weak_cells.of_variants AND settings.series = weak_cells.series
WHERE weak_cells.repaired = 1
ORDER BY
    weak_cells.semantic - weak_cells.reference_semantic DESC,
    settings.variant, settings.task, settings.dataset, weak_cells.category, settings.k_shot, settings.seed,
    settings.experiment, settings.method
LIMIT :top
