-- Each variant against the reference over the cells that both ran; wins count the cells where the variant is higher.
-- parameters: branch_a, branch_b, shown

-- delta is variant - reference. left_out counts the cells where only one of the two has an AUROC. weak_cells and repaired
-- are those of selection/weak_cells.sql, for the semantic branch alone.
WITH compared AS (
    SELECT
        own.series, own.category, own.branch, own.auroc,
        reference.auroc AS reference_auroc,
        own.auroc - reference.auroc AS delta,
        GREATEST(own.tolerance, reference.tolerance) AS tolerance
    FROM variant_numbers AS own
    JOIN variant_numbers AS reference
        ON reference.of_variants = own.of_variants AND reference.category = own.category AND reference.branch = own.branch
    WHERE NOT own.of_reference AND reference.of_reference
),
seed_averages AS (
    SELECT
        series, branch, category,
        COUNT(*) AS cells,
        COUNT(CASE WHEN delta > tolerance THEN 1 END) AS wins,
        COUNT(CASE WHEN -delta > tolerance THEN 1 END) AS losses,
        AVG(auroc) AS auroc,
        AVG(reference_auroc) AS reference_auroc,
        AVG(delta) AS delta
    FROM compared
    GROUP BY series, branch, category
),
means AS (
    SELECT
        named.task, named.dataset, named.variant, seed_averages.branch,
        CAST(SUM(seed_averages.cells) AS BIGINT) AS cells,
        AVG(seed_averages.auroc) AS mean,
        AVG(seed_averages.reference_auroc) AS reference_mean,
        AVG(seed_averages.delta) AS delta,
        CAST(SUM(seed_averages.wins) AS BIGINT) AS wins,
        CAST(SUM(seed_averages.losses) AS BIGINT) AS losses
    FROM seed_averages
    JOIN series_names AS named ON named.series = seed_averages.series
    GROUP BY named.task, named.dataset, named.variant, seed_averages.branch
),
by_series AS (
    SELECT series, of_reference, branch, COUNT(*) AS cells
    FROM variant_numbers
    GROUP BY series, of_reference, branch
),
counts AS (
    SELECT
        named.task, named.dataset, named.variant, by_series.of_reference, by_series.branch,
        CAST(SUM(by_series.cells) AS BIGINT) AS cells
    FROM by_series
    JOIN series_names AS named ON named.series = by_series.series
    GROUP BY named.task, named.dataset, named.variant, by_series.of_reference, by_series.branch
),
weak AS (
    SELECT
        named.task, named.dataset, named.variant,
        COUNT(*) AS cells,
        CAST(SUM(weak_cells.repaired) AS BIGINT) AS repaired
    FROM weak_cells
    JOIN series_names AS named ON named.series = weak_cells.series
    GROUP BY named.task, named.dataset, named.variant
)
SELECT
    own.task, own.dataset, own.variant, own.branch,
    COALESCE(means.cells, 0) AS cells,
    own.cells + COALESCE(reference.cells, 0) - 2 * COALESCE(means.cells, 0) AS left_out,
    means.mean, means.reference_mean, means.delta, means.wins,
    means.cells - means.wins - means.losses AS ties,
    means.losses,
    CASE WHEN own.branch = :branch_a THEN COALESCE(weak.cells, 0) END AS weak_cells,
    CASE WHEN own.branch = :branch_a THEN COALESCE(weak.repaired, 0) END AS repaired,
    branch_kinds.kind, branch_kinds.supervision, branch_kinds.upper_bound
FROM counts AS own
LEFT JOIN branch_kinds ON branch_kinds.branch = own.branch
LEFT JOIN counts AS reference
    ON reference.task = own.task
    AND reference.dataset = own.dataset
    AND reference.branch = own.branch
    AND reference.of_reference
LEFT JOIN means
    ON means.task = own.task
    AND means.dataset = own.dataset
    AND means.variant = own.variant
    AND means.branch = own.branch
LEFT JOIN weak ON weak.task = own.task AND weak.dataset = own.dataset AND weak.variant = own.variant
WHERE NOT own.of_reference
    AND own.branch = ANY(CAST(:shown AS VARCHAR[]))
ORDER BY
    own.task, own.dataset, own.variant,
    CASE own.branch WHEN :branch_a THEN 0 WHEN :branch_b THEN 1 ELSE 2 END, own.branch
