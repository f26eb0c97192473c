-- One row a contrast: its value, its weights added up (0 for a difference), how many AUROCs it is made of, how many of them have
-- placements, and how many are 0 or 1.
SELECT
    terms.contrast,
    SUM(terms.weight * terms.auroc) AS value,
    SUM(terms.weight) AS weight,
    COUNT(*) AS terms,
    COUNT(there.unit) AS placed,
    COUNT(CASE WHEN terms.auroc <= 0 OR terms.auroc >= 1 THEN 1 END) AS extremes
FROM terms
JOIN units
    ON units.run_id = terms.run_id AND units.category = terms.category AND units.branch = terms.branch
LEFT JOIN (
    SELECT DISTINCT unit FROM components
) AS there ON there.unit = units.unit
GROUP BY terms.contrast
ORDER BY terms.contrast
