-- One row a run and category: half the width of the paired 95 % interval of the gap; a cell without placements of both branches has none.
-- parameters: half_widths, names, numbers
SELECT
    UNNEST(CAST(:numbers AS BIGINT[])) AS run_number,
    UNNEST(CAST(:names AS VARCHAR[])) AS category,
    UNNEST(CAST(:half_widths AS DOUBLE PRECISION[])) AS half_width
