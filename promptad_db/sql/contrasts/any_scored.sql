-- Whether a chosen run has placements: no contrast is uncertain to a known degree otherwise.
SELECT EXISTS (SELECT 1 FROM placements JOIN chosen ON chosen.run_id = placements.run_id) AS any_scored
