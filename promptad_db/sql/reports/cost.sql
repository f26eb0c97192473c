-- What memory alone saves of the measured time at test, an image, and what it gives up against max fusion.

-- Both branches cost encode + text + memory + fuse, memory alone the encoder without its semantic part + memory, semantic
-- alone encode + text. Cells without these timings, or without an AUROC of semantic, memory or max, are left out.
WITH stages AS (
    SELECT
        cells.setting, cells.category, cells.run_number,
        MAX(timings.n_images) AS images,
        SUM(CASE WHEN timings.stage = 'encode' THEN timings.seconds END) AS encode,
        COALESCE(SUM(CASE WHEN timings.stage = 'encode_semantic' THEN timings.seconds END), 0) AS encode_semantic,
        SUM(CASE WHEN timings.stage = 'text' THEN timings.seconds END) AS text_seconds,
        SUM(CASE WHEN timings.stage = 'memory' THEN timings.seconds END) AS memory_seconds,
        COALESCE(SUM(CASE WHEN timings.stage = 'fuse' THEN timings.seconds END), 0) AS fuse
    FROM cells
    JOIN timings ON timings.run_id = cells.run_id AND timings.category = cells.category
    WHERE NOT cells.of_two_runs AND timings.n_images > 0
    GROUP BY cells.setting, cells.category, cells.run_number
),
aurocs AS (
    SELECT
        stages.setting, stages.category,
        MAX(CASE WHEN numbers.branch = 'semantic' THEN numbers.auroc END) AS semantic,
        MAX(CASE WHEN numbers.branch = 'memory' THEN numbers.auroc END) AS memory,
        MAX(CASE WHEN numbers.branch = 'max' THEN numbers.auroc END) AS fused
    FROM stages
    JOIN run_auroc AS numbers ON numbers.run_number = stages.run_number AND numbers.category = stages.category
    GROUP BY stages.setting, stages.category
),
timed AS (
    SELECT
        stages.setting, stages.category, stages.images, aurocs.semantic, aurocs.memory,
        aurocs.fused,
        stages.encode + stages.text_seconds + stages.memory_seconds + stages.fuse AS both_seconds,
        stages.encode - stages.encode_semantic + stages.memory_seconds AS memory_alone,
        stages.encode + stages.text_seconds AS semantic_alone
    FROM stages
    JOIN aurocs ON aurocs.setting = stages.setting AND aurocs.category = stages.category
    WHERE stages.encode + stages.text_seconds + stages.memory_seconds IS NOT NULL
        AND aurocs.semantic + aurocs.memory + aurocs.fused IS NOT NULL
),
averaged AS (
    SELECT
        cells.task, cells.dataset, cells.series, cells.category,
        COUNT(timed.setting) AS cells,
        COUNT(*) - COUNT(timed.setting) AS left_out,
        SUM(timed.images) AS images,
        SUM(timed.both_seconds) AS both_seconds,
        SUM(timed.memory_alone) AS memory_alone,
        SUM(timed.semantic_alone) AS semantic_alone,
        AVG(timed.fused) AS fused,
        AVG(timed.memory) AS memory,
        AVG(timed.semantic) AS semantic
    FROM cells
    LEFT JOIN timed ON timed.setting = cells.setting AND timed.category = cells.category
    GROUP BY cells.task, cells.dataset, cells.series, cells.category
)
SELECT
    task, dataset,
    CAST(SUM(cells) AS BIGINT) AS cells,
    CAST(SUM(left_out) AS BIGINT) AS left_out,
    CAST(COALESCE(SUM(images), 0) AS BIGINT) AS images,
    1000 * SUM(both_seconds) / SUM(images) AS both_ms,
    1000 * SUM(memory_alone) / SUM(images) AS memory_alone_ms,
    1000 * SUM(semantic_alone) / SUM(images) AS semantic_alone_ms,
    1 - SUM(memory_alone) / NULLIF(SUM(both_seconds), 0) AS time_saved,
    AVG(fused) AS max_mean,
    AVG(memory) AS memory_mean,
    AVG(semantic) AS semantic_mean,
    AVG(fused) - AVG(memory) AS given_up
FROM averaged
GROUP BY task, dataset
ORDER BY task, dataset
