-- Whether a selection has all categories of a data set for which there are published means.
SELECT EXISTS (
    SELECT 1
    FROM numbers
    JOIN chosen ON chosen.number = numbers.number
    JOIN published ON published.dataset = chosen.dataset
        AND published.k_shot = chosen.k_shot
        AND published.task = chosen.task
    WHERE numbers.auroc IS NOT NULL
    GROUP BY chosen.series, numbers.branch, published.of_categories
    HAVING COUNT(DISTINCT numbers.category) = published.of_categories
)
