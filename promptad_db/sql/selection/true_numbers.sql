-- One row a run, category and branch, as true_numbers, of one provenance alone.
-- parameters: provenance
SELECT run_number, setting, category, branch, auroc, :provenance AS provenance, precision
FROM (
    SELECT
        run_number, setting, category, branch,
        CASE :provenance WHEN 'exact' THEN exact WHEN 'reported' THEN reported ELSE approx END AS auroc,
        CASE :provenance
            WHEN 'exact' THEN exact_precision
            WHEN 'reported' THEN reported_precision
            ELSE approx_precision
        END AS precision
    FROM numbers_by_provenance
) AS of_one_provenance
WHERE precision IS NOT NULL
