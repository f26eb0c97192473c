-- Keep one number a run, category and branch: the exact one, or the reported one where the exact one is undefined.
DELETE FROM numbers
WHERE EXISTS (
    SELECT 1
    FROM numbers AS better
    WHERE better.number = numbers.number
        AND better.category = numbers.category
        AND better.branch = numbers.branch
        AND (
            (better.provenance = 'exact' AND better.auroc IS NOT NULL AND numbers.provenance = 'reported')
            OR (better.provenance = 'reported' AND numbers.provenance = 'exact' AND numbers.auroc IS NULL)
        )
)
