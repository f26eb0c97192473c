-- Take out of numbers what was reported where there is an exact number.
DELETE FROM numbers
WHERE provenance = 'reported'
    AND EXISTS (
        SELECT 1
        FROM numbers AS better
        WHERE better.provenance = 'exact'
            AND better.number = numbers.number
            AND better.category = numbers.category
            AND better.branch = numbers.branch
    )
