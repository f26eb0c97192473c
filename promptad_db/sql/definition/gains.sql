-- One row a sweep, task and other branch: its mean AUROC, and what it gains over the better of both branches and over memory,
-- 0..1, where all three are defined; seeds averaged within a category and K first.
SELECT
    seed_means.task, seed_means.branch, branch_kinds.kind, branch_kinds.supervision, branch_kinds.upper_bound,
    MIN(seed_means.experiment) AS experiment,
    MIN(seed_means.method) AS method,
    MIN(seed_means.variant) AS variant,
    CAST(SUM(seed_means.cells) AS BIGINT) AS cells,
    AVG(seed_means.auroc) AS mean,
    AVG(seed_means.over_better) AS gain_over_better_branch,
    AVG(seed_means.over_memory) AS gain_over_memory,
    CAST(SUM(seed_means.above_memory) AS BIGINT) AS cells_above_memory,
    CAST(SUM(seed_means.of_several_runs) AS BIGINT) AS cells_of_several_runs
FROM (
    SELECT
        series, sweep, task, category, branch,
        MIN(experiment) AS experiment,
        MIN(method) AS method,
        MIN(variant) AS variant,
        COUNT(*) AS cells,
        AVG(auroc) AS auroc,
        AVG(auroc - GREATEST(semantic, memory)) AS over_better,
        AVG(auroc - memory) AS over_memory,
        COUNT(CASE WHEN auroc > memory THEN 1 END) AS above_memory,
        COUNT(CASE WHEN of_several_runs THEN 1 END) AS of_several_runs
    FROM fused
    WHERE auroc IS NOT NULL AND semantic IS NOT NULL AND memory IS NOT NULL
    GROUP BY series, sweep, task, category, branch
) AS seed_means
LEFT JOIN branch_kinds ON branch_kinds.branch = seed_means.branch
GROUP BY
    seed_means.sweep, seed_means.task, seed_means.branch, branch_kinds.kind, branch_kinds.supervision,
    branch_kinds.upper_bound
