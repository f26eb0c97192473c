-- Whether each section that not every selection feeds has something to say: variants where two ran the same, cost where
-- a run was timed, gate where one was scored, significance where a difference can be tested, and no more than a hundred
-- runs have scores: beyond that it takes longer than all other sections.
SELECT
    EXISTS (
        SELECT 1 FROM run_keys GROUP BY setting_across_variants HAVING COUNT(DISTINCT variant) > 1
    ) AS variants,
    EXISTS (SELECT 1 FROM timings JOIN run_keys ON run_keys.run_id = timings.run_id WHERE timings.n_images > 0) AS cost,
    EXISTS (SELECT 1 FROM branch_kinds WHERE kind = 'gate') AS gate,
    (
        SELECT COUNT(DISTINCT placements.run_id)
        FROM placements
        JOIN run_keys ON run_keys.run_id = placements.run_id AND run_keys.level = placements.level
    ) BETWEEN 1 AND 100 AS significance
