-- Terms of the section significance: in each cell memory - semantic, each fusion - memory, and each fusion - the better branch,
-- of those with both runs in a slice; of those with runs in two slices where :slice is -1.
-- parameters: branch_a, branch_b, slice
WITH better AS (
    SELECT
        *,
        CASE WHEN semantic > memory THEN :branch_a ELSE :branch_b END AS better_branch,
        CASE WHEN semantic > memory THEN semantic_run ELSE memory_run END AS better_run,
        GREATEST(semantic, memory) AS better_auroc
    FROM fused
    WHERE auroc IS NOT NULL AND semantic IS NOT NULL AND memory IS NOT NULL
),
differences AS (
    SELECT
        setting, task, level, dataset, category,
        :branch_b AS branch,
        memory_run AS run_number,
        memory AS auroc,
        :branch_a AS against,
        :branch_a AS other_branch,
        semantic_run AS other_run,
        semantic AS other_auroc
    FROM cells
    WHERE gap IS NOT NULL
    UNION ALL
    SELECT
        setting, task, level, dataset, category, branch, run_number, auroc, :branch_b, :branch_b, memory_run, memory
    FROM better
    UNION ALL
    SELECT
        setting, task, level, dataset, category, branch, run_number, auroc, 'better branch', better_branch, better_run,
        better_auroc
    FROM better
),
sliced AS (
    SELECT
        differences.*, run_keys.run_id,
        other.run_id AS other_run_id,
        ARRAY[
            differences.task, differences.branch, differences.against, CAST(differences.setting AS VARCHAR),
            differences.category
        ] AS row_key
    FROM differences
    JOIN run_keys ON run_keys.run_number = differences.run_number
    JOIN run_keys AS other ON other.run_number = differences.other_run
    JOIN slices ON slices.run_number = differences.run_number
    JOIN slices AS other_slice ON other_slice.run_number = differences.other_run
    WHERE CASE WHEN slices.slice = other_slice.slice THEN slices.slice ELSE -1 END = :slice
)
SELECT row_key, '', run_id, level, task, dataset, category, branch, 1, auroc FROM sliced
UNION ALL
SELECT row_key, '', other_run_id, level, task, dataset, category, other_branch, -1, other_auroc FROM sliced
