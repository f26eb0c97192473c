-- The cells that a variant repairs: its semantic branch leaves less than half of a weak one's gap to memory.

-- See selection/weak_cells.sql. Both gaps are to the reference's memory branch; the largest gain stands first.
SELECT
    variant, dataset, category, k_shot, seed, task, reference_semantic, reference_memory,
    reference_memory - reference_semantic AS reference_gap,
    semantic,
    reference_memory - semantic AS gap_left,
    (semantic - reference_semantic) / (reference_memory - reference_semantic) AS share_closed
FROM weak_cells
WHERE repaired = 1
ORDER BY semantic - reference_semantic DESC, variant, task, dataset, category, k_shot, seed
LIMIT :top
