-- One row a contrast: its value, its weights added up (0 for a difference), how many AUROCs it is made of, how many of them have placements, and how many are 0 or 1.
SELECT
    terms.contrast,
    SUM(terms.weight * terms.auroc) AS value,
    SUM(terms.weight) AS weight,
    COUNT(*) AS terms,
    COUNT(there.run_id) AS placed,
    COUNT(CASE WHEN terms.auroc <= 0 OR terms.auroc >= 1 THEN 1 END) AS extremes
FROM terms
LEFT JOIN (
    SELECT DISTINCT run_id, category, branch FROM components
) AS there ON there.run_id = terms.run_id AND there.category = terms.category AND there.branch = terms.branch
GROUP BY terms.contrast
ORDER BY terms.contrast
