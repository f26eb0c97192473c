-- Fill weak_cells: one row a variant and cell in which the reference's semantic branch is the weak one by min_gap or more,
-- and by more than the precision. It is repaired where the variant's semantic branch is nearer than half that gap to the
-- reference's memory branch, or above it: a memory branch that became worse repairs nothing.
INSERT INTO weak_cells
SELECT
    own.trial, own.series, own.category, weak.semantic, weak.memory, own.auroc,
    CASE WHEN weak.memory - own.auroc < (weak.memory - weak.semantic) / 2 THEN 1 ELSE 0 END
FROM (
    SELECT semantic.trial, semantic.category, semantic.auroc AS semantic, memory.auroc AS memory
    FROM variant_numbers AS semantic
    JOIN variant_numbers AS memory ON memory.trial = semantic.trial AND memory.category = semantic.category
    WHERE semantic.of_reference
        AND memory.of_reference
        AND semantic.branch = :branch_a
        AND memory.branch = :branch_b
        AND memory.auroc - semantic.auroc >= :min_gap
        AND memory.auroc - semantic.auroc > GREATEST(semantic.precision, memory.precision) * 0.999999
) AS weak
JOIN variant_numbers AS own ON own.trial = weak.trial AND own.category = weak.category
WHERE NOT own.of_reference AND own.branch = :branch_a
