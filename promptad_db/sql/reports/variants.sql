-- Each variant against the reference over the cells that both ran; wins count the cells where the variant is higher.

-- delta is variant - reference. left_out counts the cells where only one of the two has an AUROC. weak_cells and repaired
-- are those of selection/weak_cells.sql, for the semantic branch alone.
WITH compared AS (
    SELECT
        own.task, own.dataset, own.variant, own.branch, own.series, own.category, own.auroc,
        reference.auroc AS reference_auroc,
        CASE
            WHEN own.auroc - reference.auroc > GREATEST(own.precision, reference.precision) * 0.999999 THEN 'win'
            WHEN reference.auroc - own.auroc > GREATEST(own.precision, reference.precision) * 0.999999 THEN 'loss'
            ELSE 'tie'
        END AS outcome
    FROM variant_numbers AS own
    JOIN variant_numbers AS reference
        ON reference.trial = own.trial AND reference.category = own.category AND reference.branch = own.branch
    WHERE own.variant <> :reference
        AND reference.variant = :reference
        AND own.branch = ANY(CAST(:shown AS VARCHAR[]))
),
seed_means AS (
    SELECT
        task, dataset, variant, branch, series, category,
        COUNT(*) AS cells,
        COUNT(CASE WHEN outcome = 'win' THEN 1 END) AS wins,
        COUNT(CASE WHEN outcome = 'tie' THEN 1 END) AS ties,
        COUNT(CASE WHEN outcome = 'loss' THEN 1 END) AS losses,
        AVG(auroc) AS auroc,
        AVG(reference_auroc) AS reference_auroc,
        AVG(auroc - reference_auroc) AS delta
    FROM compared
    GROUP BY task, dataset, variant, branch, series, category
),
means AS (
    SELECT
        task, dataset, variant, branch,
        CAST(SUM(cells) AS BIGINT) AS cells,
        AVG(auroc) AS mean,
        AVG(reference_auroc) AS reference_mean,
        AVG(delta) AS delta,
        CAST(SUM(wins) AS BIGINT) AS wins,
        CAST(SUM(ties) AS BIGINT) AS ties,
        CAST(SUM(losses) AS BIGINT) AS losses
    FROM seed_means
    GROUP BY task, dataset, variant, branch
),
there AS (
    SELECT task, dataset, variant, branch, COUNT(*) AS cells
    FROM variant_numbers
    WHERE branch = ANY(CAST(:shown AS VARCHAR[]))
    GROUP BY task, dataset, variant, branch
),
weak AS (
    SELECT task, dataset, variant, COUNT(*) AS cells, CAST(SUM(repaired) AS BIGINT) AS repaired
    FROM weak_cells
    GROUP BY task, dataset, variant
)
SELECT
    own.task, own.dataset, own.variant, own.branch,
    COALESCE(means.cells, 0) AS cells,
    own.cells + COALESCE(reference.cells, 0) - 2 * COALESCE(means.cells, 0) AS left_out,
    means.mean, means.reference_mean, means.delta, means.wins, means.ties, means.losses,
    CASE WHEN own.branch = :branch_a THEN COALESCE(weak.cells, 0) END AS weak_cells,
    CASE WHEN own.branch = :branch_a THEN COALESCE(weak.repaired, 0) END AS repaired
FROM there AS own
LEFT JOIN there AS reference
    ON reference.task = own.task
    AND reference.dataset = own.dataset
    AND reference.branch = own.branch
    AND reference.variant = :reference
LEFT JOIN means
    ON means.task = own.task
    AND means.dataset = own.dataset
    AND means.variant = own.variant
    AND means.branch = own.branch
LEFT JOIN weak ON weak.task = own.task AND weak.dataset = own.dataset AND weak.variant = own.variant
WHERE own.variant <> :reference
ORDER BY
    own.task, own.dataset, own.variant,
    CASE own.branch WHEN :branch_a THEN 0 WHEN :branch_b THEN 1 ELSE 2 END, own.branch
