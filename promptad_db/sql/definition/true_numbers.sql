-- One row a run, category and branch: the AUROC, 0..1, exact if there is an exact one, else reported, never approx; NULL where
-- it is undefined.
SELECT
    run_number, setting, category, branch,
    COALESCE(exact, reported) AS auroc,
    CASE WHEN exact IS NULL AND reported_precision IS NOT NULL THEN 'reported' ELSE 'exact' END COLLATE "C" AS provenance,
    CASE WHEN exact IS NULL THEN COALESCE(reported_precision, 0) ELSE exact_precision END AS precision
FROM numbers_by_provenance
WHERE exact_precision IS NOT NULL OR reported_precision IS NOT NULL
