-- Two runs of different settings give every image of a category the same scores, to the last bit: one of them is mislabelled, or
-- what is said to differ was not used. Of maps their number, mean, standard deviation, minimum and maximum tell it.
WITH statistics AS (
    SELECT
        checked.run_number, checked.category, checked.task, checked.level, checked.run_id, checked.n_images,
        STRING_AGG(branch_stats.branch, ' and ' ORDER BY branch_stats.branch) AS branches,
        STRING_AGG(
            CONCAT_WS(
                ' ', branch_stats.branch, branch_stats.n, branch_stats.mean, branch_stats.std, branch_stats.min,
                branch_stats.max
            ),
            '; ' ORDER BY branch_stats.branch
        ) AS figures
    FROM checked
    JOIN branch_stats
        ON branch_stats.run_id = checked.run_id
        AND branch_stats.category = checked.category
        AND branch_stats.level = checked.level
    LEFT JOIN branches
        ON branches.run_id = branch_stats.run_id
        AND branches.category = branch_stats.category
        AND branches.branch = branch_stats.branch
    WHERE branch_stats.min < branch_stats.max AND COALESCE(branches.kind, 'base') = 'base'
    GROUP BY
        checked.run_number, checked.category, checked.task, checked.level, checked.run_id, checked.n_images
),
firsts AS (
    SELECT *, MIN(run_number) OVER (PARTITION BY category, task, figures) AS first_number
    FROM statistics
),
pairs AS (
    SELECT
        firsts.run_number, firsts.category, firsts.level, firsts.run_id, firsts.branches, firsts.n_images,
        earlier.run_id AS earlier_run, earlier.method, earlier.variant, earlier.dataset, earlier.k_shot, earlier.seed
    FROM firsts
    JOIN run_keys AS later ON later.run_number = firsts.run_number
    JOIN run_keys AS earlier ON earlier.run_number = firsts.first_number
    WHERE firsts.run_number > firsts.first_number
        AND (
            later.method <> earlier.method
            OR later.variant <> earlier.variant
            OR later.dataset <> earlier.dataset
            OR later.k_shot <> earlier.k_shot
            OR later.seed IS DISTINCT FROM earlier.seed
        )
),
differing AS (
    SELECT DISTINCT pairs.run_number, pairs.category
    FROM pairs
    JOIN image_scores AS later ON later.run_id = pairs.run_id AND later.category = pairs.category
    JOIN image_scores AS earlier
        ON earlier.run_id = pairs.earlier_run
        AND earlier.category = pairs.category
        AND earlier.image = later.image
        AND earlier.branch = later.branch
    WHERE pairs.level = 'image' AND earlier.score <> later.score
)
SELECT
    'warning' AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task,
    CAST(NULL AS VARCHAR) AS branch,
    checked.run_id,
    CONCAT(
        CASE pairs.level WHEN 'image' THEN 'the scores of all ' ELSE 'the figures of the maps of all ' END,
        pairs.n_images, ' images (', pairs.branches, ') are those of run ', pairs.earlier_run, ': method ', pairs.method,
        ', variant ', pairs.variant, ', dataset ', pairs.dataset, ', K ', pairs.k_shot, ', seed ',
        COALESCE(CAST(pairs.seed AS VARCHAR), 'none')
    ) AS what,
    'find out which run is mislabelled (promptad-db runs show), delete it and ingest or run it again; equal where nothing that '
    'differs is used' AS advice
FROM pairs
JOIN checked ON checked.run_number = pairs.run_number AND checked.category = pairs.category
WHERE NOT EXISTS (
    SELECT 1 FROM differing WHERE differing.run_number = pairs.run_number AND differing.category = pairs.category
)
ORDER BY checked.run_number, checked.category
