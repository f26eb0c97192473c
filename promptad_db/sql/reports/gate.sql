-- The learned gate beside the best fixed fusion (max, harmonic or mean) and the oracle, an upper bound.

-- All of them after the gate's own calibration, in the runs of the gate. The best fixed fusion has the highest mean of those
-- that all cells of the row have. way_covered is the gate's share of the way from it to the oracle; where there is none
-- way_covered_note says why.
WITH gate_means AS (
    SELECT
        task, gate, calibration,
        CAST(SUM(cells) AS BIGINT) AS cells,
        CAST(SUM(cells_above_max) AS BIGINT) AS cells_above_max,
        AVG(gate_auroc) AS gate_mean,
        AVG(max_auroc) AS max_mean
    FROM (
        SELECT
            task, gate, calibration, series, category,
            COUNT(*) AS cells,
            COUNT(CASE WHEN auroc > max_auroc THEN 1 END) AS cells_above_max,
            AVG(auroc) AS gate_auroc,
            AVG(max_auroc) AS max_auroc
        FROM gate_numbers
        WHERE counted
        GROUP BY task, gate, calibration, series, category
    ) AS seed_averages
    GROUP BY task, gate, calibration
),
rule_means AS (
    SELECT task, gate, calibration, branch, rule, CAST(SUM(cells) AS BIGINT) AS cells, AVG(auroc) AS mean
    FROM (
        SELECT
            gates.task, gates.gate, gates.calibration, gates.series, gates.category, rules.branch, rules.rule,
            COUNT(*) AS cells,
            AVG(rules.auroc) AS auroc
        FROM gate_numbers AS gates
        JOIN run_branches AS rules
            ON rules.run_number = gates.run_number
            AND rules.category = gates.category
            AND rules.calibration = gates.calibration
        WHERE gates.counted
            AND rules.auroc IS NOT NULL
            AND (rules.kind = 'fusion' AND rules.rule IN ('max', 'harmonic', 'mean')
                OR rules.kind = 'oracle' AND rules.rule = 'oracle')
        GROUP BY gates.task, gates.gate, gates.calibration, gates.series, gates.category, rules.branch, rules.rule
    ) AS seed_averages
    GROUP BY task, gate, calibration, branch, rule
),
ranked AS (
    SELECT
        rule_means.task, rule_means.gate, rule_means.calibration, rule_means.branch, rule_means.mean,
        rule_means.rule = 'oracle' AS chooses_with_labels,
        ROW_NUMBER() OVER (
            PARTITION BY rule_means.task, rule_means.gate, rule_means.calibration, rule_means.rule = 'oracle'
            ORDER BY
                CAST(rule_means.mean AS DECIMAL(18, 12)) DESC,
                CASE rule_means.rule WHEN 'max' THEN 1 WHEN 'harmonic' THEN 2 ELSE 3 END
        ) AS priority
    FROM rule_means
    JOIN gate_means
        ON gate_means.task = rule_means.task
        AND gate_means.gate = rule_means.gate
        AND gate_means.calibration = rule_means.calibration
        AND gate_means.cells = rule_means.cells
),
counts AS (
    SELECT task, gate, calibration, COUNT(*) AS cells FROM gate_numbers GROUP BY task, gate, calibration
)
SELECT
    counts.task, counts.gate,
    COALESCE(gate_means.cells, 0) AS cells,
    counts.cells - COALESCE(gate_means.cells, 0) AS left_out,
    best.branch AS best_fixed,
    best.mean AS best_fixed_mean,
    gate_means.gate_mean,
    oracle.mean AS oracle_upper_bound,
    CASE WHEN oracle.mean - best.mean > 1e-12 THEN (gate_means.gate_mean - best.mean) / (oracle.mean - best.mean) END
        AS way_covered,
    gate_means.gate_mean - gate_means.max_mean AS gain_over_max,
    gate_means.cells_above_max,
    gate_means.gate_mean - gate_means.max_mean > 1e-12 AS beats_max,
    counts.calibration,
    CASE
        WHEN gate_means.cells IS NULL THEN 'no cell to compare in'
        WHEN best.mean IS NULL THEN 'no fixed fusion after the same calibration in every cell'
        WHEN oracle.mean IS NULL THEN 'no oracle after the same calibration in every cell'
        WHEN oracle.mean - best.mean <= 1e-12 THEN 'the oracle is not above the best fixed fusion'
    END AS way_covered_note,
    'gate' AS kind,
    branch_kinds.supervision, branch_kinds.upper_bound
FROM counts
LEFT JOIN branch_kinds ON branch_kinds.branch = counts.gate
LEFT JOIN gate_means
    ON gate_means.task = counts.task AND gate_means.gate = counts.gate AND gate_means.calibration = counts.calibration
LEFT JOIN ranked AS best
    ON best.task = counts.task
    AND best.gate = counts.gate
    AND best.calibration = counts.calibration
    AND best.priority = 1
    AND NOT best.chooses_with_labels
LEFT JOIN ranked AS oracle
    ON oracle.task = counts.task
    AND oracle.gate = counts.gate
    AND oracle.calibration = counts.calibration
    AND oracle.priority = 1
    AND oracle.chooses_with_labels
ORDER BY counts.task, counts.gate, counts.calibration
