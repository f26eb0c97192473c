-- A reported number is not what its own scores give, by more than its precision (a millionth where it has all digits): scores
-- and file are not of one evaluation. An error from 0.1 points on.
SELECT
    CASE WHEN ABS(exact.value - reported.value) >= 0.001 THEN 'error' ELSE 'warning' END AS severity,
    checked.experiment, checked.method, checked.variant, checked.dataset, checked.category, checked.k_shot,
    checked.seed, checked.task, reported.branch, checked.run_id,
    CONCAT(
        reported.level, ' ', reported.metric, ' reported as ', CAST(100 * reported.value AS NUMERIC(9, 4)),
        ', recomputed ', CAST(100 * exact.value AS NUMERIC(9, 4))
    ) AS what,
    'find out how the file was evaluated; reports take the exact number (--provenance reported shows the other)' AS advice
FROM checked
JOIN metrics AS reported ON reported.run_id = checked.run_id AND reported.category = checked.category
JOIN checked AS recomputed ON recomputed.setting = checked.setting AND recomputed.category = checked.category
JOIN metrics AS exact
    ON exact.run_id = recomputed.run_id
    AND exact.category = recomputed.category
    AND exact.branch = reported.branch
    AND exact.level = reported.level
    AND exact.metric = reported.metric
WHERE reported.provenance = 'reported'
    AND exact.provenance = 'exact'
    AND ABS(exact.value - reported.value) > GREATEST(reported.precision, 0.000001)
ORDER BY ABS(exact.value - reported.value) DESC, checked.run_number, checked.category, reported.branch
