-- One row a variant and cell in which the reference's semantic branch is the weak one by min_gap or more, and by more than the
-- precision. It is repaired where the variant's semantic branch is nearer than half that gap to the reference's memory branch,
-- or above it: a memory branch that became worse repairs nothing.
-- parameters: branch_a, min_gap, reference
SELECT
    own.of_variants, own.series, own.category,
    weak.semantic AS reference_semantic,
    weak.memory AS reference_memory,
    own.auroc AS semantic,
    CASE WHEN weak.memory - own.auroc < (weak.memory - weak.semantic) / 2 THEN 1 ELSE 0 END AS repaired
FROM (
    SELECT run_keys.setting_across_variants AS of_variants, gap_cells.category, gap_cells.semantic, gap_cells.memory
    FROM gap_cells
    JOIN run_keys ON run_keys.run_number = gap_cells.run_number
    WHERE run_keys.variant = :reference AND gap_cells.gap >= :min_gap AND gap_cells.gap > gap_cells.tolerance
) AS weak
JOIN variant_numbers AS own ON own.of_variants = weak.of_variants AND own.category = weak.category
WHERE NOT own.of_reference AND own.branch = :branch_a
