-- Runs of one cell, or branches of one run, were tested on different images: their AUROCs are of different test sets, and an
-- interval of their difference is over the shared images alone.
WITH tested AS (
    SELECT
        run_number, run_id, category, n_images,
        FIRST_VALUE(run_number) OVER (
            PARTITION BY cell, category ORDER BY n_images DESC, run_number DESC
        ) AS fullest
    FROM checked
    WHERE n_images > 0
),
pairs AS (
    SELECT
        tested.run_number, tested.run_id, tested.category, tested.n_images,
        largest.run_id AS other_run,
        largest.n_images AS other_images
    FROM tested
    JOIN tested AS largest ON largest.run_number = tested.fullest AND largest.category = tested.category
    WHERE tested.run_number <> tested.fullest
),
shared AS (
    SELECT pairs.run_number, pairs.category, COUNT(other.image) AS images
    FROM pairs
    JOIN images ON images.run_id = pairs.run_id AND images.category = pairs.category
    LEFT JOIN images AS other
        ON other.run_id = pairs.other_run AND other.category = images.category AND other.image = images.image
    GROUP BY pairs.run_number, pairs.category
),
scored AS (
    SELECT run_id, category, branch, COUNT(*) AS images
    FROM image_scores
    WHERE run_id IN (SELECT run_id FROM run_keys)
    GROUP BY run_id, category, branch
)
SELECT
    'warning' AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task,
    CAST(NULL AS VARCHAR) AS branch,
    checked.run_id,
    CONCAT(
        shared.images, ' of its ', pairs.n_images, ' test images are among the ', pairs.other_images, ' of run ',
        pairs.other_run
    ) AS what,
    'test both on the same images under the same names, or compare them by no interval' AS advice
FROM shared
JOIN pairs ON pairs.run_number = shared.run_number AND pairs.category = shared.category
JOIN checked ON checked.run_number = shared.run_number AND checked.category = shared.category
WHERE shared.images < pairs.other_images OR shared.images < pairs.n_images
UNION ALL
SELECT
    'warning', checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task, scored.branch, checked.run_id,
    CONCAT(scored.branch, ' has scores of ', scored.images, ' of the ', checked.n_images, ' test images of its run'),
    'score all images with every branch, or make the database again from the run folders: promptad-db rebuild'
FROM scored
JOIN checked ON checked.run_id = scored.run_id AND checked.category = scored.category
WHERE scored.images <> checked.n_images
ORDER BY experiment, task, dataset, category NULLS FIRST, k_shot, seed, method, variant, branch, run_id
