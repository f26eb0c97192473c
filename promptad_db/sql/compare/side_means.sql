-- One row a branch, category and K that both sides have: averages over seeds, and how the cells turn out.
SELECT
    task, branch, dataset, category, k_shot,
    COUNT(*) AS cells,
    COUNT(CASE WHEN outcome = 'win' THEN 1 END) AS wins,
    COUNT(CASE WHEN outcome = 'tie' THEN 1 END) AS ties,
    COUNT(CASE WHEN outcome = 'loss' THEN 1 END) AS losses,
    AVG(a) AS a,
    AVG(b) AS b,
    AVG(delta) AS delta
FROM both_sides
GROUP BY task, branch, dataset, category, k_shot
