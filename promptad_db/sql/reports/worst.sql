-- The cells with the largest gap.
-- parameters: min_gap, top
SELECT
    dataset, category, k_shot, seed, task, semantic, memory, gap, abs_gap, weak_branch, provenance, of_two_runs,
    experiment
FROM cells
WHERE gap IS NOT NULL AND abs_gap >= :min_gap
ORDER BY abs_gap DESC, task, dataset, category, k_shot, seed, experiment
LIMIT :top
