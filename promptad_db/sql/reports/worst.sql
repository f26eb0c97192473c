-- The cells with the largest gap.
SELECT dataset, category, k_shot, seed, task, semantic, memory, gap, abs_gap, weak_branch, provenance
FROM cells
WHERE age = 1 AND gap IS NOT NULL AND abs_gap >= :min_gap
ORDER BY abs_gap DESC, task, dataset, category, k_shot, seed
LIMIT :top
