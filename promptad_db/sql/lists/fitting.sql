-- Whether each section that not every selection feeds has something to say: variants where two ran the same, cost where
-- a run was timed, gate where one was scored, significance where a difference can be tested, and no more than a hundred
-- runs have scores: beyond that it takes longer than all other sections.
SELECT
    EXISTS (SELECT 1 FROM chosen WHERE rivals > 1 GROUP BY trial HAVING COUNT(DISTINCT variant) > 1) AS variants,
    EXISTS (SELECT 1 FROM timings JOIN chosen ON chosen.run_id = timings.run_id WHERE timings.n_images > 0) AS cost,
    EXISTS (SELECT 1 FROM numbers WHERE branch = 'gate' OR STARTS_WITH(branch, 'gate_')) AS gate,
    (
        SELECT COUNT(DISTINCT placements.run_id)
        FROM placements
        JOIN chosen ON chosen.run_id = placements.run_id
        WHERE placements.level = CASE chosen.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
    ) BETWEEN 1 AND 100 AS significance
