-- What each stage took with one backbone: seconds summed over cells and their test images.
-- parameters: model_name, pretrained
SELECT
    runs.task, runs.variant, runs.k_shot, timings.stage,
    COUNT(*) AS cells,
    CAST(SUM(timings.n_images) AS BIGINT) AS images,
    SUM(timings.seconds) AS seconds
FROM timings
JOIN runs ON runs.run_id = timings.run_id
WHERE runs.model_name = :model_name AND runs.pretrained = :pretrained AND timings.n_images > 0
GROUP BY runs.task, runs.variant, runs.k_shot, timings.stage
ORDER BY runs.task, runs.variant, runs.k_shot, timings.stage
