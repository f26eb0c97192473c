-- Each category, averaged over K; k_shot and seed stand where there is only one.
-- parameters: branch_a, branch_b
SELECT
    dataset, category, k_shot, seed, task, semantic, memory, gap,
    ABS(gap) AS abs_gap,
    CASE WHEN gap > 0 THEN :branch_a WHEN gap < 0 THEN :branch_b WHEN gap = 0 THEN 'tie' END AS weak_branch,
    provenance, of_two_runs
FROM (
    SELECT
        means.dataset, means.category, means.task,
        CASE WHEN MIN(means.k_shot) = MAX(means.k_shot) THEN MIN(means.k_shot) END AS k_shot,
        MIN(seeds.seed) AS seed,
        AVG(means.semantic) AS semantic,
        AVG(means.memory) AS memory,
        AVG(means.gap) AS gap,
        CASE
            WHEN SUM(means.exact_cells) = SUM(means.cells) THEN 'exact'
            WHEN SUM(means.reported_cells) = SUM(means.cells) THEN 'reported'
            WHEN SUM(means.approx_cells) = SUM(means.cells) THEN 'approx'
            ELSE 'mixed'
        END AS provenance,
        SUM(means.cells_of_two_runs) > 0 AS of_two_runs
    FROM seed_means AS means
    LEFT JOIN (
        SELECT
            dataset, category, task,
            CASE WHEN MIN(seed) = MAX(seed) AND COUNT(seed) = COUNT(*) THEN MIN(seed) END AS seed
        FROM cells
        WHERE gap IS NOT NULL
        GROUP BY dataset, category, task
    ) AS seeds ON seeds.dataset = means.dataset AND seeds.category = means.category AND seeds.task = means.task
    WHERE means.cells > 0
    GROUP BY means.dataset, means.category, means.task
) AS averaged
ORDER BY task, dataset, CAST(1e9 * ABS(gap) AS BIGINT) DESC, category
