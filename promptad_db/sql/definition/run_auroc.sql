-- One row a run, category and branch: the AUROC that counts. recency is 1 for the latest run of a setting, whose number counts
-- also where it is undefined; differences below tolerance are ties.
SELECT
    run_number, setting, category, branch, auroc, provenance, precision,
    precision * 0.999999 AS tolerance,
    ROW_NUMBER() OVER (PARTITION BY setting, category, branch ORDER BY run_number DESC) AS recency
FROM true_numbers
