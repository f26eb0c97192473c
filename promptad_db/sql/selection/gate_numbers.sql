-- One row a cell and learned gate: its AUROC beside that of max after the same calibration, of a run that has both where there
-- is one, of baseline where it ran, else of the latest. counted are those that a row of the report is about: where any of its
-- cells has such a max, all of its cells must.
WITH ranked AS (
    SELECT
        run_keys.task, run_keys.dataset, run_keys.level, gates.category, gates.run_number, gates.run_id,
        gates.calibration, gates.auroc,
        run_keys.cell_across_seeds AS series,
        gates.branch AS gate,
        maxima.auroc AS max_auroc,
        ROW_NUMBER() OVER (
            PARTITION BY run_keys.cell, gates.category, gates.branch
            ORDER BY
                CASE WHEN maxima.run_number IS NULL THEN 1 ELSE 0 END,
                CASE WHEN run_keys.variant = 'baseline' THEN 0 ELSE 1 END,
                gates.run_number DESC
        ) AS priority
    FROM run_branches AS gates
    JOIN run_keys ON run_keys.run_number = gates.run_number
    LEFT JOIN run_branches AS maxima
        ON maxima.run_number = gates.run_number
        AND maxima.category = gates.category
        AND maxima.calibration = gates.calibration
        AND maxima.kind = 'fusion'
        AND maxima.rule = 'max'
    WHERE gates.kind = 'gate'
)
SELECT
    *,
    auroc IS NOT NULL
    AND (max_auroc IS NOT NULL OR COUNT(max_auroc) OVER (PARTITION BY task, gate, calibration) = 0) AS counted
FROM ranked
WHERE priority = 1
