-- Whether a run of the selection has placements: no contrast is uncertain to a known degree otherwise.
SELECT EXISTS (SELECT 1 FROM placements JOIN run_keys ON run_keys.run_id = placements.run_id) AS any_scored
