-- The learned gate beside the best fixed fusion (max, harmonic or mean) and the oracle, an upper bound.

-- Fixed fusions are those of the uncalibrated branches and of branches calibrated as the gate's own; the best has the
-- highest mean of those that all cells of the row have. The oracle, which chooses with the labels, is the one of the
-- gate's calibration, if there is one. way_covered is the gate's share of the way from the best fixed fusion to the
-- oracle; it is NULL where the oracle is not above.
WITH gates AS (
    SELECT
        gate_numbers.*, maxima.auroc AS max_auroc,
        REPLACE(REPLACE(gate_numbers.gate, 'gate_hard', ''), 'gate', '') AS calibration
    FROM gate_numbers
    LEFT JOIN numbers AS maxima
        ON maxima.number = gate_numbers.number
        AND maxima.category = gate_numbers.category
        AND maxima.branch = 'max'
),
gate_means AS (
    SELECT
        task, gate,
        CAST(SUM(cells) AS BIGINT) AS cells,
        CAST(SUM(cells_above_max) AS BIGINT) AS cells_above_max,
        AVG(gate_auroc) AS gate_mean,
        AVG(max_auroc) AS max_mean
    FROM (
        SELECT
            task, gate, place, category,
            COUNT(*) AS cells,
            COUNT(CASE WHEN auroc > max_auroc THEN 1 END) AS cells_above_max,
            AVG(auroc) AS gate_auroc,
            AVG(max_auroc) AS max_auroc
        FROM gates
        WHERE auroc IS NOT NULL AND max_auroc IS NOT NULL
        GROUP BY task, gate, place, category
    ) AS seed_means
    GROUP BY task, gate
),
rule_means AS (
    SELECT task, gate, rule, calibrated, CAST(SUM(cells) AS BIGINT) AS cells, AVG(auroc) AS mean
    FROM (
        SELECT
            gates.task, gates.gate, gates.place, gates.category, numbers.branch AS rule,
            numbers.branch LIKE CONCAT('%', gates.calibration) AS calibrated,
            COUNT(*) AS cells,
            AVG(numbers.auroc) AS auroc
        FROM gates
        JOIN numbers ON numbers.number = gates.number AND numbers.category = gates.category
        WHERE gates.auroc IS NOT NULL
            AND gates.max_auroc IS NOT NULL
            AND numbers.auroc IS NOT NULL
            AND (numbers.branch IN ('max', 'harmonic', 'mean', 'oracle')
                OR numbers.branch IN (
                    CONCAT('max', gates.calibration), CONCAT('harmonic', gates.calibration),
                    CONCAT('mean', gates.calibration), CONCAT('oracle', gates.calibration)))
        GROUP BY gates.task, gates.gate, gates.place, gates.category, numbers.branch, gates.calibration
    ) AS seed_means
    GROUP BY task, gate, rule, calibrated
),
ranked AS (
    SELECT
        rule_means.task, rule_means.gate, rule_means.rule, rule_means.mean,
        rule_means.rule LIKE 'oracle%' AS chooses_with_labels,
        ROW_NUMBER() OVER (
            PARTITION BY rule_means.task, rule_means.gate, rule_means.rule LIKE 'oracle%'
            ORDER BY
                CASE WHEN rule_means.rule LIKE 'oracle%' AND rule_means.calibrated THEN 0 ELSE 1 END,
                rule_means.mean DESC,
                CASE rule_means.rule WHEN 'max' THEN 1 WHEN 'harmonic' THEN 2 WHEN 'mean' THEN 3 ELSE 4 END,
                rule_means.rule
        ) AS place
    FROM rule_means
    JOIN gate_means
        ON gate_means.task = rule_means.task
        AND gate_means.gate = rule_means.gate
        AND gate_means.cells = rule_means.cells
),
there AS (
    SELECT task, gate, COUNT(*) AS cells FROM gates GROUP BY task, gate
)
SELECT
    there.task, there.gate,
    COALESCE(gate_means.cells, 0) AS cells,
    there.cells - COALESCE(gate_means.cells, 0) AS left_out,
    best.rule AS best_fixed,
    best.mean AS best_fixed_mean,
    gate_means.gate_mean,
    oracle.mean AS oracle_upper_bound,
    CASE WHEN oracle.mean - best.mean > 1e-12 THEN (gate_means.gate_mean - best.mean) / (oracle.mean - best.mean) END
        AS way_covered,
    gate_means.gate_mean - gate_means.max_mean AS gain_over_max,
    gate_means.cells_above_max,
    gate_means.gate_mean - gate_means.max_mean > 1e-12 AS beats_max
FROM there
LEFT JOIN gate_means ON gate_means.task = there.task AND gate_means.gate = there.gate
LEFT JOIN ranked AS best
    ON best.task = there.task AND best.gate = there.gate AND best.place = 1 AND NOT best.chooses_with_labels
LEFT JOIN ranked AS oracle
    ON oracle.task = there.task AND oracle.gate = there.gate AND oracle.place = 1 AND oracle.chooses_with_labels
ORDER BY there.task, there.gate
