-- What each test image adds to each AUROC that a contrast is made of; AUROCs without placements have no rows.
CREATE TEMPORARY TABLE components AS
WITH wanted AS (
    SELECT DISTINCT run_id, task, category, branch, auroc FROM terms
),
placed AS (
    SELECT
        wanted.run_id, wanted.category, wanted.branch, placements.image, wanted.auroc,
        placements.n_pos, placements.n_neg, placements.pos_sum, placements.neg_sum,
        SUM(placements.n_pos) OVER (PARTITION BY wanted.run_id, wanted.category, wanted.branch) AS positives,
        SUM(placements.n_neg) OVER (PARTITION BY wanted.run_id, wanted.category, wanted.branch) AS negatives,
        SUM(placements.pos_sum) OVER (PARTITION BY wanted.run_id, wanted.category, wanted.branch) AS won
    FROM wanted
    JOIN placements
        ON placements.run_id = wanted.run_id
        AND placements.category = wanted.category
        AND placements.branch = wanted.branch
        AND placements.level = CASE wanted.task WHEN 'cls' THEN 'image' ELSE 'pixel' END
)
SELECT
    run_id, category, branch, image,
    CASE WHEN n_pos > 0 THEN 1 ELSE 0 END AS has_pos,
    CASE WHEN n_neg > 0 THEN 1 ELSE 0 END AS has_neg,
    (pos_sum - n_pos * won / positives) / positives AS positive,
    (neg_sum - n_neg * won / positives) / negatives AS negative
FROM placed
WHERE positives > 0 AND negatives > 0 AND ABS(won / positives - auroc) < 1e-9
