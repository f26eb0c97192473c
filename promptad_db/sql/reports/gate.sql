-- The learned gate beside the best fixed fusion (max, harmonic or mean) and the oracle, an upper bound.

-- The best fixed fusion has the highest mean of those that all cells of the row have. way_covered is the gate's share of
-- the way from there to the oracle, which chooses with the labels; it is NULL where the oracle is not above.
WITH beside AS (
    SELECT
        gates.task, gates.gate, gates.place, gates.category,
        gates.auroc AS gate_auroc,
        MAX(CASE WHEN numbers.branch = 'max' THEN numbers.auroc END) AS max_auroc,
        MAX(CASE WHEN numbers.branch = 'harmonic' THEN numbers.auroc END) AS harmonic_auroc,
        MAX(CASE WHEN numbers.branch = 'mean' THEN numbers.auroc END) AS mean_auroc,
        MAX(CASE WHEN numbers.branch = 'oracle' THEN numbers.auroc END) AS oracle_auroc
    FROM gate_numbers AS gates
    JOIN numbers ON numbers.number = gates.number AND numbers.category = gates.category
    GROUP BY gates.task, gates.gate, gates.place, gates.number, gates.category, gates.auroc
),
seed_means AS (
    SELECT
        task, gate, place, category,
        COUNT(*) AS cells,
        COUNT(harmonic_auroc) AS harmonic_cells,
        COUNT(mean_auroc) AS mean_cells,
        COUNT(oracle_auroc) AS oracle_cells,
        COUNT(CASE WHEN gate_auroc > max_auroc THEN 1 END) AS cells_above_max,
        AVG(gate_auroc) AS gate_auroc,
        AVG(max_auroc) AS max_auroc,
        AVG(harmonic_auroc) AS harmonic_auroc,
        AVG(mean_auroc) AS mean_auroc,
        AVG(oracle_auroc) AS oracle_auroc
    FROM beside
    WHERE gate_auroc IS NOT NULL AND max_auroc IS NOT NULL
    GROUP BY task, gate, place, category
),
means AS (
    SELECT
        task, gate,
        CAST(SUM(cells) AS BIGINT) AS cells,
        CAST(SUM(cells_above_max) AS BIGINT) AS cells_above_max,
        AVG(gate_auroc) AS gate_mean,
        AVG(max_auroc) AS max_mean,
        CASE WHEN SUM(harmonic_cells) = SUM(cells) THEN AVG(harmonic_auroc) END AS harmonic_mean,
        CASE WHEN SUM(mean_cells) = SUM(cells) THEN AVG(mean_auroc) END AS mean_mean,
        CASE WHEN SUM(oracle_cells) = SUM(cells) THEN AVG(oracle_auroc) END AS oracle_mean
    FROM seed_means
    GROUP BY task, gate
),
there AS (
    SELECT task, gate, COUNT(*) AS cells FROM beside GROUP BY task, gate
),
best AS (
    SELECT *, GREATEST(max_mean, harmonic_mean, mean_mean) AS best_fixed_mean FROM means
)
SELECT
    there.task, there.gate,
    COALESCE(best.cells, 0) AS cells,
    there.cells - COALESCE(best.cells, 0) AS left_out,
    CASE best.best_fixed_mean
        WHEN best.max_mean THEN 'max'
        WHEN best.harmonic_mean THEN 'harmonic'
        WHEN best.mean_mean THEN 'mean'
    END AS best_fixed,
    best.best_fixed_mean,
    best.gate_mean,
    best.oracle_mean AS oracle_upper_bound,
    CASE
        WHEN best.oracle_mean - best.best_fixed_mean > 1e-12
            THEN (best.gate_mean - best.best_fixed_mean) / (best.oracle_mean - best.best_fixed_mean)
    END AS way_covered,
    best.gate_mean - best.max_mean AS gain_over_max,
    best.cells_above_max,
    best.gate_mean - best.max_mean > 1e-12 AS beats_max
FROM there
LEFT JOIN best ON best.task = there.task AND best.gate = there.gate
ORDER BY there.task, there.gate
